import { isClusterError } from '@autocluster/core';
import { onAbort, pause } from '@autocluster/core/runtime';
import type { Actor } from './actor.js';
import type { NodeFact } from './facts.js';

export const JOB_LOCK = 'job';

/** Where work is done, and who is told of it. */
export interface Workplace {
  readonly traits: { readonly ttlMs: number };
  tell(actor: Actor, fact: NodeFact): void;
}

const STEPS = 6;
/** So often somebody waits for the lock for less than its TTL, mostly for less than one call may take. */
const IMPATIENT = 0.4;
/** Between two jobs of one node. */
const REST_MS = 4_000;

/** In so many processes two want the lock at the same time. */
const TWO_AT_ONCE = 0.3;
/** Names of jobs: more turns than a history has. */
const TURNS = 500;

/** Asks for the lock that all nodes want, works under it in steps, rests, and does so again until its node ends. */
export function workInTurns(actor: Actor, place: Workplace): void {
  const over = new AbortController();
  void actor.node.ended.then(() => over.abort());
  void takeTurns(actor, place, over.signal, 1);
  if (actor.process.random() < TWO_AT_ONCE) void takeTurns(actor, place, over.signal, TURNS);
}

async function takeTurns(actor: Actor, place: Workplace, over: AbortSignal, first: number): Promise<void> {
  const { process } = actor;
  for (let turn = first; !over.aborted; turn += 1) {
    await pause(process, process.random() * REST_MS, over);
    if (!over.aborted) await work(actor, place, turn);
  }
}

async function work(actor: Actor, place: Workplace, turn: number): Promise<void> {
  const { process, node } = actor;
  const job = actor.number * 1_000 + turn;
  place.tell(actor, { kind: 'job-asked', job });
  let token: bigint | undefined;
  try {
    const waitMs = process.random() < IMPATIENT ? Math.round(process.random() ** 3 * place.traits.ttlMs) : 'unlimited';
    await node.withLock('job', { ttlMs: place.traits.ttlMs, waitMs }, async (lock) => {
      token = lock.token;
      const began = { job, token: lock.token };
      // Taken once: asking a handle for its signal looks at the clock, and nobody is obliged to ask.
      const { signal, assertHeld } = lock;
      place.tell(actor, { kind: 'job-began', ...began, lost: signal.aborted });
      onAbort(signal, (reason) => {
        const code = isClusterError(reason) ? reason.code : 'unknown';
        place.tell(actor, { kind: 'job-aborted', ...began, code });
      });
      const steps = 1 + Math.floor(process.random() * STEPS);
      for (let step = 0; step < steps && !signal.aborted; step += 1) {
        place.tell(actor, { kind: 'job-step', ...began, sure: isSure(assertHeld) });
        await pause(process, process.random() ** 2 * place.traits.ttlMs * (step === 1 ? 2 : 0.2), signal);
      }
      place.tell(actor, { kind: 'job-settled', ...began });
    });
    if (token !== undefined) place.tell(actor, { kind: 'job-ended', job, token });
  } catch {
    // Lost, or never got: what that means is for those who watch.
    if (token === undefined) place.tell(actor, { kind: 'job-refused', job });
    else place.tell(actor, { kind: 'job-ended', job, token });
  }
}

function isSure(assertHeld: () => void): boolean {
  try {
    assertHeld();
    return true;
  } catch {
    return false;
  }
}
