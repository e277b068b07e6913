import { type FormationConfig, glanceMs, LONGEST_RETRY_MS, propagationMs } from '../config.js';
import type { Wait, WaitReason } from '../decide/decision.js';
import type { Failure } from '../event.js';
import type { Asked, Lasting, Machine, Resume } from '../machine.js';
import { type Memory, settlingMs } from '../memory.js';
import { waitText } from '../node-state.js';
import { lastingOf } from './discover.js';
import { enter, rest, type Step } from './transition.js';

const FIRST_RETRY_MS = 200;
/** A node that is not formed looks again this often: what it waits for may raise no event in the store. */
const LOOK_AGAIN_MS = 1_000;
/** A formed node reacts to changes, but a burst of them is one change to it. */
const FORMED_HINTS_AFTER_MS = 250;

/** After a failure only time helps: what changes in the store meanwhile must not turn the retry into a loop. */
const BACKING_OFF: ReadonlySet<WaitReason> = new Set(['store-unreachable', 'daemon-failed', 'own-daemon-unknown']);

export const retryAfterMs = (failures: number): number =>
  Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));

export function fail(config: FormationConfig, machine: Machine, failure: Failure, lastWait?: Wait): Step {
  const alone = config.onFailure === 'ignore' && failure.code === 'FORMATION_TIMEOUT';
  const phase = {
    kind: alone ? 'standalone' : 'failed',
    cause: failure.code,
    text: failure.text,
    lastWait,
  } as const;
  return rest({ ...machine, standing: undefined }, phase, [{ kind: 'withdraw' }]);
}

function timeLeftMs(config: FormationConfig, machine: Machine, nowMs: number): number {
  if (machine.hasFormed || config.formationTimeoutMs === 'unlimited') return Number.POSITIVE_INFINITY;
  return machine.memory.progressAtMs + config.formationTimeoutMs - nowMs;
}

/** The last look of a silence may take as long as a list may be old. */
const longestSettlingMs = (config: FormationConfig, memory: Memory): number =>
  settlingMs(config, memory) + propagationMs(config);

export interface WaitMore {
  readonly resume?: Resume;
  readonly released?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** What is asked for at once when the lock is released. */
  readonly again?: Asked | undefined;
  /** The wait that was going on, when the phase does not carry it. */
  readonly lasting?: Lasting | undefined;
}

export interface RestMore {
  readonly calm?: boolean;
  readonly released?: WaitMore['released'];
  /** After a failure: when to look again at the latest, whatever the store tells meanwhile. */
  readonly retryMs?: number | undefined;
}

/** Waits, visibly and for as long as the reason lasts, unless formation has made no progress for too long. */
export function waitFor(
  config: FormationConfig,
  machine: Machine,
  wait: Wait,
  nowMs: number,
  more: WaitMore = {},
): Step {
  if (machine.standing) {
    const retryMs = BACKING_OFF.has(wait.reason) ? wait.retryMs : undefined;
    return restFormed(config, machine, { released: more.released, retryMs });
  }
  const before = more.lasting ?? lastingOf(machine);
  const sinceMs = before?.wait.reason === wait.reason ? before.sinceMs : nowMs;
  // Whoever gave up now would have all others begin anew with it; where each of them does so in turn, there is never a cluster.
  const settlesMs = wait.reason === 'settling' ? sinceMs + longestSettlingMs(config, machine.memory) - nowMs : 0;
  const leftMs = Math.max(settlesMs, timeLeftMs(config, machine, nowMs));
  if (leftMs <= 0) {
    const text = `no cluster after ${config.formationTimeoutMs} ms without progress: ${waitText(wait)}`;
    return fail(config, machine, { code: 'FORMATION_TIMEOUT', text }, wait);
  }
  const afterMs = Math.max(0, Math.min(wait.retryMs ?? Math.min(LOOK_AGAIN_MS, config.refreshMs), leftMs));
  const { again, resume = 'discover' } = more;
  const phase = { kind: 'waiting', wait, sinceMs, resume, ...(again && { again }) } as const;
  const told = wait.reason === 'lock-busy' && more.released !== undefined;
  const hintsAfterMs = told || BACKING_OFF.has(wait.reason) ? undefined : 0;
  return enter(machine, phase, { kind: 'wake', afterMs, hintsAfterMs, released: more.released });
}

export function waitAfterFailure(
  config: FormationConfig,
  machine: Machine,
  wait: Wait,
  nowMs: number,
  more: WaitMore = {},
): Step {
  const retryMs = retryAfterMs(machine.failures);
  return waitFor(config, { ...machine, failures: machine.failures + 1 }, { ...wait, retryMs }, nowMs, more);
}

/** The wait after work of the daemon that failed, or that came to nothing. */
export const daemonFailed = ({ code, text }: Failure): Wait => ({
  reason: 'daemon-failed',
  endsWhen: 'the daemon does what it is asked to',
  cause: code,
  text,
});

/** The wait after a request that the store did not answer, or refused. */
export const storeUnreachable = ({ code, text }: Failure): Wait => ({
  reason: 'store-unreachable',
  endsWhen: 'the store answers',
  cause: code,
  text,
});

export function storeFailed(
  config: FormationConfig,
  machine: Machine,
  failure: Failure,
  nowMs: number,
  resume: Resume,
): Step {
  return waitAfterFailure(config, machine, storeUnreachable(failure), nowMs, { resume });
}

export function ownDaemonUnknown(
  config: FormationConfig,
  machine: Machine,
  { code, text }: Failure,
  nowMs: number,
): Step {
  const wait = { reason: 'own-daemon-unknown', endsWhen: 'the own daemon answers', cause: code, text } as const;
  return waitAfterFailure(config, machine, wait, nowMs, { resume: 'inspect' });
}

/** A formed node at rest, until its daemon is to be looked at again or the store says that something changed. */
export function restFormed(config: FormationConfig, before: Machine, more: RestMore = {}): Step {
  const machine = { ...before, calm: more.calm === true };
  const afterMs = Math.min(glanceMs(config), more.retryMs ?? Number.POSITIVE_INFINITY);
  const hintsAfterMs = more.retryMs === undefined ? Math.min(FORMED_HINTS_AFTER_MS, afterMs) : undefined;
  return enter(machine, { kind: 'formed' }, { kind: 'wake', afterMs, hintsAfterMs, released: more.released });
}
