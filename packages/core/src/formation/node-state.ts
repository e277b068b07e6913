import type { ClusterIdentity } from '../backend/index.js';
import type { ErrorCode } from '../errors/index.js';
import type { WaitReason } from './decide/decision.js';
import type { Lasting, Machine, Role } from './machine.js';

/** What a node is doing, for people and programs. */
export type NodeState =
  | {
      readonly kind:
        | 'idle'
        | 'registering'
        | 'discovering'
        | 'locking'
        | 'confirming'
        | 'creating'
        | 'joining'
        | 'committing'
        | 'stopping'
        | 'stopped';
    }
  | {
      readonly kind: 'waiting';
      readonly reason: WaitReason;
      /** For how long already, in ms. */
      readonly forMs: number;
      /** What would end it, in words. */
      readonly endsWhen: string;
      readonly cause?: ErrorCode;
      /** What the daemon or the store said when it failed, for people. */
      readonly text?: string;
    }
  | { readonly kind: 'formed'; readonly identity: ClusterIdentity; readonly role: Role }
  | { readonly kind: 'standalone' | 'failed'; readonly cause: ErrorCode };

type Waiting = Extract<NodeState, { readonly kind: 'waiting' }>;

/** Why a node waits, in words, with what was said when it is a failure. */
export function waitText({
  reason,
  cause,
  text,
  endsWhen,
}: Pick<Waiting, 'reason' | 'cause' | 'text' | 'endsWhen'>): string {
  const because = text ?? cause;
  return `waiting for ${reason}${because === undefined ? '' : ` (${because})`}; ends when ${endsWhen}`;
}

function waiting({ wait, sinceMs }: Lasting, nowMs: number): NodeState {
  const { reason, endsWhen, cause, text } = wait;
  return {
    kind: 'waiting',
    reason,
    forMs: Math.max(0, Math.round(nowMs - sinceMs)),
    endsWhen,
    ...(cause && { cause }),
    ...(text && { text }),
  };
}

/** The state to show: a formed node stays formed whatever it does, and a wait goes on while the node looks again. */
export function nodeState({ phase, standing }: Machine, nowMs: number): NodeState {
  if (standing) return { kind: 'formed', ...standing };
  switch (phase.kind) {
    case 'waiting':
      return waiting(phase, nowMs);
    case 'inspecting':
    case 'registering':
      return phase.lasting ? waiting(phase.lasting, nowMs) : { kind: 'registering' };
    case 'discovering':
      return phase.lasting ? waiting(phase.lasting, nowMs) : { kind: 'discovering' };
    case 'evicting':
      return { kind: 'registering' };
    case 'resetting':
      return { kind: phase.after.next === 'create' ? 'creating' : 'joining' };
    case 'rechecking':
      return { kind: 'creating' };
    case 'releasing':
    case 'publishing':
    case 'verifying':
    case 'naming':
    case 'readying':
    case 'formed':
      return { kind: 'confirming' };
    case 'standalone':
    case 'failed':
      return { kind: phase.kind, cause: phase.cause };
    default:
      return { kind: phase.kind };
  }
}
