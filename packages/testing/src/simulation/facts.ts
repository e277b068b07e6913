import type { ClusterEvent, HealthReport, NodeState } from '@autocluster/core';
import type { DaemonEvent, DriverVerb } from '../daemon/index.js';
import type { StoreEvent } from '../store/index.js';
import type { Actor } from './actor.js';

export type StoreVerb = 'register' | 'unregister' | 'list' | 'lock' | 'unlock';
export type DaemonVerb = DriverVerb;

export interface CallEnd {
  readonly kind: 'resolved' | 'rejected';
  readonly value: unknown;
  readonly atMs: number;
}

/** One call of the core to its backend or driver, as that sees it. */
export interface Call<Verb extends string = StoreVerb | DaemonVerb> {
  readonly actor: Actor;
  readonly verb: Verb;
  readonly request: unknown;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** True time. */
  readonly sentMs: number;
  /** Monotonic time of the process. */
  readonly ownSentMs: number;
  /** Asked for a report of the node's health, from which it decides nothing. */
  readonly reporting: boolean;
  end: CallEnd | undefined;
}

/** What a node does under the lock that all of them want. */
export type JobFact =
  | { readonly kind: 'job-asked' | 'job-refused'; readonly job: number }
  | { readonly kind: 'job-settled' | 'job-ended'; readonly job: number; readonly token: bigint }
  /** `lost`: what the signal of its lock said at the beginning. */
  | { readonly kind: 'job-began'; readonly job: number; readonly token: bigint; readonly lost: boolean }
  /** `sure`: what `assertHeld` said right before. */
  | { readonly kind: 'job-step'; readonly job: number; readonly token: bigint; readonly sure: boolean }
  | { readonly kind: 'job-aborted'; readonly job: number; readonly token: bigint; readonly code: string };

export type NodeFact =
  | { readonly kind: 'launched' | 'stopping' | 'ended' | 'crashed' | 'paused' | 'suspended' | 'resumed' }
  | { readonly kind: 'event'; readonly event: ClusterEvent }
  | { readonly kind: 'state'; readonly before: NodeState; readonly state: NodeState }
  | { readonly kind: 'start-failed'; readonly code: string; readonly text: string }
  | { readonly kind: 'health-asked' }
  | { readonly kind: 'health-told'; readonly status: HealthReport['status']; readonly failing: readonly string[] }
  | { readonly kind: 'health-refused'; readonly text: string }
  | JobFact;

/** Who wants to be told what happens, as it happens. */
export interface Listener {
  readonly store?: (event: StoreEvent) => void;
  readonly daemon?: (event: DaemonEvent) => void;
  readonly sent?: (call: Call) => void;
  readonly answered?: (call: Call) => void;
  readonly node?: (actor: Actor, fact: NodeFact) => void;
  readonly struck?: (fault: string, about: string) => void;
}
