import type { ClusterRecord, Registration } from '../../backend/index.js';
import type { ErrorCode } from '../../errors/index.js';
import type { FormationConfig } from '../config.js';
import { heldForMs, type ClockName, type Memory } from '../memory.js';
import type { Observation } from '../observation.js';
import type { Situation } from '../situation.js';

/**
 * Why a node waits. Each ends by itself when what it names changes; none is ever skipped because a number of tries ran
 * out.
 */
export const WAIT_REASONS = [
  'store-unreachable',
  'list-incomplete',
  'list-stale',
  'record-unreadable',
  'record-missing',
  'restore-pending',
  'too-few-members',
  'settling',
  'lock-busy',
  'peers-not-ready',
  'seeds-unusable',
  'nobody-alive',
  'maybe-evicted',
  'split-seen',
  'name-held',
  'own-daemon-unknown',
  'daemon-failed',
] as const;
export type WaitReason = (typeof WAIT_REASONS)[number];

export interface Wait {
  readonly reason: WaitReason;
  /** What would end it, in words. */
  readonly endsWhen: string;
  readonly cause?: ErrorCode;
  /** What the call that failed said, for people. */
  readonly text?: string;
  /** When to look again at the latest, in ms from now. Default: the refresh interval. */
  readonly retryMs?: number;
}

/** What a formed node tells about a store that does not agree with it. */
export type Notice = 'split.seen' | 'record.missing' | 'record.unreadable';

/** A change of the record that a node makes under the lock. */
export type RecordChange = 'restore' | 'adopt' | 'resize' | 'readmit-self' | 'clear-idle';

interface JoinDecision {
  readonly kind: 'join';
  readonly target: Registration;
  /** Absent when the target's cluster has no record yet and joining it makes one. */
  readonly record: ClusterRecord | undefined;
  readonly locked: boolean;
  /** The daemon holds something that must go first. */
  readonly reset: boolean;
}

export type Decision = { readonly row: string } & (
  | ({ readonly kind: 'wait' } & Wait)
  | { readonly kind: 'stay'; readonly notice?: Notice }
  /** The record is newer than the one that is kept with the data. */
  | { readonly kind: 'keep'; readonly record: ClusterRecord }
  /** Ask every peer before anything follows from what a few of them said. */
  | { readonly kind: 'look-closer' }
  /** Not formed any more: registered as joining, with what the daemon has. */
  | { readonly kind: 'demote' }
  | { readonly kind: 'create'; readonly generation: number; readonly reset: boolean }
  | JoinDecision
  | { readonly kind: 'write'; readonly change: RecordChange }
  /** The record names the daemon's cluster: tell it. */
  | { readonly kind: 'name'; readonly record: ClusterRecord }
  /** The daemon is a member already. */
  | { readonly kind: 'member'; readonly record: ClusterRecord }
  /** Gives up the membership that it had: destroys the local data and joins anew. */
  | { readonly kind: 'rejoin' }
  | { readonly kind: 'fail'; readonly cause: ErrorCode; readonly text: string }
);

/** A decision before its row is noted on it. */
export type Outcome = Decision extends infer D ? (D extends { row: string } ? Omit<D, 'row'> : never) : never;

export interface Look {
  readonly config: FormationConfig;
  readonly observation: Observation;
  /** The memory that includes this observation. */
  readonly memory: Memory;
  /** Whether the node is formed: then nothing that the store says may stop it, save a higher generation. */
  readonly formed: boolean;
}

/** A look at a daemon and a list that are both known. */
export interface Case extends Look {
  readonly s: Situation;
}

/** One row of the table. The first row whose condition holds decides. */
export interface Row<C> {
  readonly row: string;
  readonly when: (c: C) => boolean;
  readonly outcome: (c: C) => Outcome;
}

export const heldFor = (c: Look, clock: ClockName): number => heldForMs(c.memory, clock, c.observation);

export function wait(
  reason: WaitReason,
  endsWhen: string,
  more: Pick<Wait, 'cause' | 'text' | 'retryMs'> = {},
): Outcome {
  return { kind: 'wait', reason, endsWhen, ...more };
}

export const NAME_HELD = {
  kind: 'wait',
  reason: 'name-held',
  endsWhen: 'the other instance of this name is gone',
  cause: 'NAME_HELD',
} as const satisfies Outcome;
