import type { ClusterDriver, NodeId } from '@autocluster/core/driver';

/** Daemons that can reach one another, and what happens to them. */
export interface DriverWorld {
  /** The driver of this daemon's supervisor. */
  driver(node: NodeId): ClusterDriver;
  /** Daemon and supervisor end and begin again; answers the driver of the new run. What was durable is still there. */
  restart(node: NodeId): Promise<ClusterDriver>;
  /** The daemon ends and refuses connections; its data stays. Only asked of drivers with `views: 'peer'`. */
  stop(node: NodeId): Promise<void>;
  /** The daemon, which was stopped, loses its data and runs again. Only asked of drivers with `views: 'peer'`. */
  replace(node: NodeId): Promise<void>;
  close(): Promise<void>;
}

/** A driver that is to be tested, and how to get daemons for it. */
export interface DriverSubject {
  /** For the report, e.g. `rabbitmq`. */
  readonly name: string;
  /** Running daemons of these names that nobody has used, others at every call. */
  world(nodes: readonly NodeId[]): Promise<DriverWorld>;
  /** How long one verb may take, in ms. Default 60 000. */
  readonly workMs?: number;
  /** Cases that are known to fail, by id, each with its reason. One that passes all the same is an error. */
  readonly knownFailures?: Readonly<Record<string, string>>;
  /** After the last case. */
  readonly close?: () => Promise<void>;
}

/** Only checks types: `export default driverSubject({ … })`. */
export const driverSubject = (subject: DriverSubject): DriverSubject => subject;
