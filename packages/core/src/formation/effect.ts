import type { ClusterIdentity, ClusterRecord, Member } from '../backend/index.js';
import type { LocalIdentity } from '../driver/index.js';
import type { Standpoint } from './machine.js';
import type { Refusals } from './refusals.js';

/** Changing work of the daemon; all of it is bounded and stops soon after its signal. */
export type Work =
  | { readonly verb: 'create'; readonly identity: ClusterIdentity; readonly token: bigint | undefined }
  | { readonly verb: 'join'; readonly seed: Member; readonly record: ClusterRecord; readonly token: bigint | undefined }
  | { readonly verb: 'committed'; readonly record: ClusterRecord }
  /** `of`: what the daemon had when the reset was decided. Nothing else is destroyed. */
  | { readonly verb: 'reset'; readonly of: LocalIdentity };

/** `all`: every peer. `sample`: a few of them, in turn. `none`: only daemon and store. */
export type Probe = 'all' | 'sample' | 'none';

/** Effects whose reply the machine awaits; there is never more than one under way. */
export type AwaitedEffect =
  | { readonly kind: 'inspect' }
  | { readonly kind: 'announce'; readonly standpoint: Standpoint }
  /** Looks at the daemon and a few peers, and not at the store. */
  | { readonly kind: 'glance' }
  | { readonly kind: 'observe'; readonly probe: Probe; readonly refusals: Refusals }
  | { readonly kind: 'lock' }
  | { readonly kind: 'unlock'; readonly record: ClusterRecord | undefined }
  /** `underLock`: begun only while the lock is held for certain, and aborted when it is lost. */
  | { readonly kind: 'work'; readonly work: Work; readonly underLock: boolean }
  | {
      readonly kind: 'wake';
      readonly afterMs: number;
      /** Earlier when something changes in the store, but not before this many ms. */
      readonly hintsAfterMs: number | undefined;
      readonly released?: ((signal: AbortSignal) => Promise<void>) | undefined;
    };

export type ReportName =
  | 'record.committed'
  | 'record.restored'
  | 'record.superseded'
  | 'record.missing'
  | 'record.unreadable'
  | 'split.seen'
  | 'lock.acquired'
  | 'lock.lost'
  | 'lock.released';

export type Effect =
  | (AwaitedEffect & { readonly ticket: number })
  | { readonly kind: 'report'; readonly name: ReportName; readonly data: Readonly<Record<string, unknown>> }
  /** Formation is over without a cluster: the registration goes, nothing else changes. */
  | { readonly kind: 'withdraw' }
  /** Stop everything that is under way. */
  | { readonly kind: 'halt' };
