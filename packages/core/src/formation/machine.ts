import type { ClusterIdentity, ClusterRecord, LockGrant, Registration } from '../backend/index.js';
import type { LocalIdentity } from '../driver/index.js';
import type { ErrorCode } from '../errors/index.js';
import type { Decision, Notice, RecordChange, Wait } from './decide/decision.js';
import type { Memory } from './memory.js';
import type { Minted } from './record.js';

export type Role = 'creator' | 'joiner' | 'member';

/** That a node is formed, and as what. */
export interface Standing {
  readonly identity: ClusterIdentity;
  readonly role: Role;
}

/** What this instance tells the store about itself. */
export interface Standpoint {
  readonly state: 'joining' | 'ready';
  readonly identity: ClusterIdentity | undefined;
  readonly recordVersion: number | undefined;
}

/**
 * The last part of every way into a cluster. `publish`: registered with the identity, still joining. `verify`: record and
 * views agree. `name`: the daemon keeps the identity. `ready`: registered as one that others may join.
 */
export type EntryStep = 'publish' | 'verify' | 'name' | 'ready';

export interface Entry {
  readonly role: Role;
  readonly record: ClusterRecord;
  /** Version of the newest record of this cluster that the daemon keeps: the one that this node could put back. */
  readonly keptVersion: number | undefined;
  readonly steps: readonly EntryStep[];
  /** When it was last known that the record is the cluster's. */
  readonly provedAtMs: number;
  /** The member that a joiner asked to take it in. */
  readonly through?: Registration | undefined;
}

/** What the lock is wanted for. */
export type Intent = Extract<Decision, { kind: 'create' | 'write' | 'join' }>;
export type JoinIntent = Extract<Intent, { kind: 'join' }>;

export interface Lasting {
  readonly wait: Wait;
  readonly sinceMs: number;
}

/** What the lock is asked for, and when that was decided. */
export interface Asked {
  readonly intent: Intent;
  readonly decidedAtMs: number;
}

/** Where a wait goes on when it ends. */
export type Resume = 'inspect' | 'discover';

/** What follows once the lock has been let go. */
export type After =
  | { readonly next: 'discover' }
  | { readonly next: 'wait'; readonly wait: Wait }
  | { readonly next: 'enter'; readonly entry: Entry };

/** What follows a reset of the daemon. */
export type AfterReset =
  | { readonly next: 'discover' }
  | { readonly next: 'create'; readonly create: Creation }
  | { readonly next: 'join'; readonly intent: JoinIntent };

export interface Creation {
  readonly identity: ClusterIdentity;
  readonly minted: Minted;
  /** The record that was there when the decision was confirmed. */
  readonly replaces: ClusterRecord | undefined;
}

export type Done = Extract<Decision['kind'], 'name' | 'rejoin'>;

export type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'inspecting'; readonly lasting?: Lasting }
  | { readonly kind: 'registering'; readonly standpoint: Standpoint; readonly lasting?: Lasting }
  /** `done`: what the daemon has just done for a decision of this kind, which the look must show. */
  | { readonly kind: 'discovering'; readonly lasting?: Lasting; readonly done?: Done | undefined }
  /** `again`: what is asked for once more, without another look, when the lock is released. */
  | ({ readonly kind: 'waiting'; readonly resume: Resume; readonly again?: Asked | undefined } & Lasting)
  | ({ readonly kind: 'locking' } & Asked)
  | { readonly kind: 'confirming'; readonly intent: Intent; readonly minted: Minted }
  | { readonly kind: 'resetting'; readonly after: AfterReset }
  | { readonly kind: 'creating'; readonly creation: Creation }
  | { readonly kind: 'rechecking'; readonly creation: Creation }
  | {
      readonly kind: 'committing';
      readonly record: ClusterRecord;
      readonly change: 'create' | RecordChange;
      readonly entry: Entry | undefined;
    }
  | { readonly kind: 'joining'; readonly intent: JoinIntent; readonly minted: Minted | undefined }
  | { readonly kind: 'releasing'; readonly after: After }
  | { readonly kind: 'publishing'; readonly entry: Entry }
  | { readonly kind: 'verifying'; readonly entry: Entry; readonly sinceMs: number; readonly looks: number }
  | { readonly kind: 'naming'; readonly record: ClusterRecord; readonly entry: Entry | undefined }
  | { readonly kind: 'readying'; readonly entry: Entry }
  /** `of`: what the daemon had when it was decided to give it up. */
  | { readonly kind: 'evicting'; readonly of: LocalIdentity }
  | { readonly kind: 'formed' }
  | {
      readonly kind: 'standalone' | 'failed';
      readonly cause: ErrorCode;
      readonly text: string;
      readonly lastWait: Wait | undefined;
    }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'stopped' };

export type PhaseKind = Phase['kind'];

export interface Machine {
  readonly phase: Phase;
  /** Counts the effects whose reply is awaited: a reply to an earlier one is not for this phase. */
  readonly ticket: number;
  readonly memory: Memory;
  /** Set from formed on, whatever is done meanwhile; gone only by demotion. */
  readonly standing: Standing | undefined;
  /** Whether this run was formed before. Its start is over then, and nothing that it waits for makes that start fail. */
  readonly hasFormed: boolean;
  /** The cluster whose first record this run wrote, or may have written. */
  readonly made: ClusterIdentity | undefined;
  /** The last look found a formed node with nothing to do: until there is news, a glance at its daemon is enough. */
  readonly calm: boolean;
  readonly grant: LockGrant | undefined;
  /** Failures in a row of what this node asked store or daemon to do: each makes the next wait longer. */
  readonly failures: number;
  readonly firstConflictAtMs: number | undefined;
  readonly notice: Notice | undefined;
}
