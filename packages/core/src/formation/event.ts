import type { LockOutcome, RegisterOutcome, UnlockOutcome } from '../backend/index.js';
import type { ErrorCode } from '../errors/index.js';
import type { Observation, OwnDaemon } from './observation.js';
import type { Minted } from './record.js';

export interface Failure {
  readonly code: ErrorCode;
  readonly text: string;
}

/** What happened in answer to an awaited effect; `ticket` names the effect. */
export type Reply = { readonly ticket: number; readonly nowMs: number } & (
  | { readonly kind: 'inspected'; readonly own: OwnDaemon }
  | { readonly kind: 'announced'; readonly outcome: RegisterOutcome; readonly sentAtMs: number }
  | { readonly kind: 'observed'; readonly observation: Observation }
  | { readonly kind: 'locked'; readonly outcome: LockOutcome; readonly minted: Minted }
  | { readonly kind: 'unlocked'; readonly outcome: UnlockOutcome }
  | { readonly kind: 'worked' }
  /** Beside the list that was seen last. */
  | { readonly kind: 'glanced'; readonly observation: Observation }
  /** `news`: the list that was seen last need not be the present one. `released`: the lock that was waited for is free. */
  | { readonly kind: 'woke'; readonly news: boolean; readonly released: boolean }
  | { readonly kind: 'failed'; readonly failure: Failure }
);

/** What happens unasked. */
export type Incident =
  | { readonly kind: 'start'; readonly nowMs: number }
  | { readonly kind: 'grant-lost'; readonly nowMs: number }
  | { readonly kind: 'stop'; readonly nowMs: number }
  | { readonly kind: 'halted'; readonly nowMs: number };

export type MachineEvent = Reply | Incident;
export type MachineEventKind = MachineEvent['kind'];
