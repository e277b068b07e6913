import type { ClusterIdentity, NodeId } from '@autocluster/core/driver';

/** What truly happened to the daemons. */
export type DaemonFact =
  | { readonly kind: 'created'; readonly node: NodeId; readonly identity: ClusterIdentity; readonly token: string }
  | { readonly kind: 'joined'; readonly node: NodeId; readonly seed: NodeId; readonly identity: ClusterIdentity }
  | { readonly kind: 'committed'; readonly node: NodeId; readonly identity: ClusterIdentity; readonly version: number }
  | { readonly kind: 'reset' | 'left'; readonly node: NodeId; readonly lost: string }
  /** `wasRunning`: it ran in this cluster all the same, where the executor could not see it. */
  | {
      readonly kind: 'forgotten';
      readonly node: NodeId;
      readonly by: NodeId;
      readonly token: string;
      readonly wasRunning: boolean;
    }
  /** What follows a removal was done. */
  | { readonly kind: 'tidied'; readonly node: NodeId; readonly by: NodeId }
  | {
      readonly kind: 'started' | 'stopped' | 'powered-off' | 'wiped' | 'disk-replaced' | 'view-replaced';
      readonly node: NodeId;
    }
  | { readonly kind: 'partitioned' | 'healed'; readonly groups: readonly (readonly NodeId[])[] };

/** With the true time, in ms. */
export type DaemonEvent = DaemonFact & { readonly atMs: number };

/** One line for each event: two runs are the same when these texts are. */
export function daemonHistoryText(history: readonly DaemonEvent[]): string {
  return history.map(({ atMs, kind, ...facts }) => `${atMs} ${kind} ${JSON.stringify(facts)}`).join('\n');
}
