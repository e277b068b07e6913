import type { ClusterRecord, LocalIdentity, NodeId } from '@autocluster/core/driver';

/** What a daemon keeps. Survives its process, unless it is wiped. */
export interface Disk {
  /** Which physical cluster the data belongs to; undefined: none. Two daemons are clustered when these agree. */
  readonly cluster: string | undefined;
  readonly identity: LocalIdentity;
  /** Own view of the cluster's members, itself included. */
  readonly members: readonly NodeId[];
  /** Counts the changes of the members: the newer view wins when daemons meet again. */
  readonly version: number;
  /** The record that was last given to `committed`. */
  readonly kept: ClusterRecord | undefined;
}

export const blankDisk = (node: NodeId): Disk => ({
  cluster: undefined,
  identity: { kind: 'blank' },
  members: [node],
  version: 0,
  kept: undefined,
});

/** Facts about one daemon at one time. Replaced as a whole, never changed. */
export interface DaemonState {
  readonly node: NodeId;
  readonly disk: Disk;
  /** `off`: the whole machine is, so that a connection times out instead of being refused. */
  readonly power: 'running' | 'stopped' | 'off';
  /** Counts its starts: what began in an earlier run fails. */
  readonly run: number;
  /** What it says about being ready to serve. */
  readonly ready: boolean;
  /** Groups of an earlier partition that it reports until it restarts. */
  readonly scars: readonly (readonly NodeId[])[];
}
