import type { ErrorCode, NodeId } from '@autocluster/core/backend';
import type { Random } from '../time/index.js';

export type Verb = 'register' | 'unregister' | 'list' | 'lock' | 'unlock' | 'watch';

/** What can go wrong between a client and its store. */
export type Fault =
  /** The store never sees the request. The caller waits for its time limit. */
  | { readonly kind: 'drop-request' }
  /** The store has done it; the answer is lost. The caller waits for its time limit. */
  | { readonly kind: 'drop-reply' }
  /** The request, the answer or both take this much longer, in ms. */
  | { readonly kind: 'delay'; readonly requestMs?: number; readonly replyMs?: number }
  /** The request arrives once more, that much later, whatever has happened since. */
  | { readonly kind: 'duplicate'; readonly afterMs: number }
  /** The verb rejects with this code. `applied: true`: the store has done it all the same. */
  | { readonly kind: 'fail'; readonly code: ErrorCode; readonly applied?: boolean }
  /** The list lacks these nodes, or about half of them, and says that it is incomplete. */
  | { readonly kind: 'partial-list'; readonly missing?: readonly NodeId[] }
  /** The list says that it is complete and shows nobody. `keepsRecord`: it shows the record all the same. */
  | { readonly kind: 'empty-list'; readonly keepsRecord?: boolean }
  /** The list is the one before that many changes, with its revision. Default 1. */
  | { readonly kind: 'stale-list'; readonly changesBack?: number }
  /** The list says that the store's revision is this much lower than it is. */
  | { readonly kind: 'lower-revision'; readonly by: number }
  /** The request goes to another store of its own, as after a change of a host name. */
  | { readonly kind: 'elsewhere' }
  /** The answer has a shape that no contract allows: the given one, or one of many. */
  | { readonly kind: 'nonsense'; readonly answer?: unknown };

/** When a fault strikes. */
export interface FaultScope {
  /** Default: every verb. */
  readonly verbs?: readonly Verb[];
  /** How many calls it strikes before it is over. Default: until it is cancelled. */
  readonly times?: number;
  /** From 0 to 1: how likely it strikes a call that is in its scope. Default 1. */
  readonly chance?: number;
  /** Told each time it strikes. */
  readonly onStrike?: () => void;
}

/** The faults that strike one call. */
export interface Trouble {
  dropRequest: boolean;
  dropReply: boolean;
  requestDelayMs: number;
  replyDelayMs: number;
  duplicateAfterMs: number | undefined;
  fail: { readonly code: ErrorCode; readonly applied?: boolean } | undefined;
  /** Faults that change the answer, in order. */
  readonly answer: Fault[];
}

interface Rule {
  readonly fault: Fault;
  readonly verbs: readonly Verb[] | undefined;
  readonly chance: number;
  readonly onStrike: (() => void) | undefined;
  left: number;
}

function add(trouble: Trouble, fault: Fault): void {
  switch (fault.kind) {
    case 'drop-request':
      trouble.dropRequest = true;
      break;
    case 'drop-reply':
      trouble.dropReply = true;
      break;
    case 'delay':
      trouble.requestDelayMs += fault.requestMs ?? 0;
      trouble.replyDelayMs += fault.replyMs ?? 0;
      break;
    case 'duplicate':
      trouble.duplicateAfterMs = fault.afterMs;
      break;
    case 'fail':
      trouble.fail ??= fault;
      break;
    case 'partial-list':
    case 'empty-list':
    case 'stale-list':
    case 'lower-revision':
    case 'elsewhere':
    case 'nonsense':
      trouble.answer.push(fault);
      break;
  }
}

const noTrouble = (): Trouble => ({
  dropRequest: false,
  dropReply: false,
  requestDelayMs: 0,
  replyDelayMs: 0,
  duplicateAfterMs: undefined,
  fail: undefined,
  answer: [],
});

/** The faults that are in force on one line, or on all lines of a store. */
export class FaultRules {
  readonly #rules = new Set<Rule>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  inject({ verbs, times = Number.POSITIVE_INFINITY, chance = 1, onStrike, ...fault }: Fault & FaultScope): () => void {
    const rule: Rule = { fault, verbs, chance, onStrike, left: times };
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  clear(): void {
    this.#rules.clear();
  }

  /** Adds what strikes this call to `trouble`; counts it. */
  strike(verb: Verb, trouble?: Trouble): Trouble | undefined {
    let struck = trouble;
    for (const rule of this.#rules) {
      if (rule.verbs && !rule.verbs.includes(verb)) continue;
      if (rule.chance < 1 && this.#random.next() >= rule.chance) continue;
      rule.left -= 1;
      if (rule.left <= 0) this.#rules.delete(rule);
      rule.onStrike?.();
      struck ??= noTrouble();
      add(struck, rule.fault);
    }
    return struck;
  }
}

/** Faults of one client. */
export interface ClientFaults {
  /** Lets a fault strike from now on; the function that it answers ends it. Faults add up. */
  inject(fault: Fault & FaultScope): () => void;
  /** Answers are held back until {@link resume}; requests go through. */
  pause(): void;
  resume(): void;
  /** Every open watch throws `STORE_UNREACHABLE`. */
  breakWatches(): void;
  /** Ends every fault of this client, a pause too. */
  clear(): void;
}
