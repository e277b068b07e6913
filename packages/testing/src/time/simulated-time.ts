import { ClusterError, type ErrorCode, invalidRange } from '@autocluster/core/backend';
import type { CancelTimer, Runtime } from '@autocluster/core/runtime';
import { pump } from './pump.js';
import { seededRandom } from './random.js';
import { type ProcessOptions, ProcessRuntime, type SimulatedProcess, type TrueTime } from './simulated-process.js';
import { TimerQueue } from './timer-queue.js';

export interface SimulatedTimeOptions {
  /** Decides every random number and every id. The same seed makes the same run. */
  readonly seed: number | string;
  /** What the monotonic clock shows at the beginning, in ms. Default 0. */
  readonly startMs?: number;
}

/**
 * Time that stands still until a test moves it. Nothing global is faked: only what takes its clock, timers and randomness
 * from {@link runtime}, or from a {@link process}, lives in it.
 */
export interface SimulatedTime {
  /** True time: the clock of the world, and of the stores in it. */
  readonly runtime: Runtime;
  /** True monotonic time, in ms. */
  readonly nowMs: number;
  /** Timers that wait to fire, those of halted processes not included. */
  readonly pendingTimers: number;
  /**
   * Moves time by `ms`: fires each timer that comes due at its own time, in the order in which they were set when times
   * are equal, and runs every microtask after each. `advance(0)` lets settle what needs no time.
   */
  advance(ms: number): Promise<void>;
  /**
   * Moves time from timer to timer until `condition` holds. Rejects `TIMEOUT` when it does not within `limitMs`, or when
   * no timer is left that could change anything.
   */
  runUntil(condition: () => boolean, options: { readonly limitMs: number }): Promise<void>;
  /** A process with its own clock, randomness and timers. */
  process(options?: ProcessOptions): SimulatedProcess;
}

/** 2026-01-01T00:00:00Z: what the true wall clock shows when the monotonic one shows 0. */
const WALL_ORIGIN_MS = 1_767_225_600_000;
/** More timers than this at one instant are an endless loop. */
const TIMERS_PER_INSTANT_MAX = 100_000;

/** The test is wrong, or what it tests: trying again does not help. */
const broken = (code: ErrorCode, text: string) =>
  new ClusterError(code, text, { operation: 'simulateTime', retryable: false, outcomeUnknown: false });

class World implements SimulatedTime, TrueTime {
  readonly runtime: Runtime;
  readonly #queue = new TimerQueue();
  readonly #random;
  #nowMs: number;
  #processes = 0;
  #firedAtNow = 0;
  #moving = false;

  constructor({ seed, startMs = 0 }: SimulatedTimeOptions) {
    this.#nowMs = startMs;
    this.#random = seededRandom(seed);
    const random = this.#random.fork('world');
    let ids = 0;
    this.runtime = {
      clock: { monotonicMs: () => this.#nowMs, wallMs: () => this.trueWallMs },
      after: (delayMs, task) => this.at(this.#nowMs + Math.max(0, delayMs), task),
      random: () => random.next(),
      uniqueId() {
        ids += 1;
        return `w-${ids}`;
      },
    };
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get trueWallMs(): number {
    return WALL_ORIGIN_MS + this.#nowMs;
  }

  get pendingTimers(): number {
    return this.#queue.size;
  }

  at(trueMs: number, task: () => void): CancelTimer {
    if (Number.isNaN(trueMs)) throw invalidRange('delayMs', trueMs, 'a number');
    const timer = this.#queue.add(Math.max(this.#nowMs, trueMs), task);
    return () => this.#queue.cancel(timer);
  }

  process(options: ProcessOptions = {}): SimulatedProcess {
    this.#processes += 1;
    const name = `p${this.#processes}`;
    return new ProcessRuntime(name, this, this.#random.fork(name), options);
  }

  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw invalidRange('ms', ms, 'a number from 0');
    const endMs = this.#nowMs + ms;
    await this.#move(() => !this.#fireNext(endMs));
    this.#nowMs = endMs;
  }

  async runUntil(condition: () => boolean, { limitMs }: { readonly limitMs: number }): Promise<void> {
    const endMs = this.#nowMs + limitMs;
    await this.#move(() => {
      if (condition()) return true;
      if (this.#fireNext(endMs)) return false;
      const why = this.#queue.size === 0 ? 'no timer is pending' : `${this.#queue.size} timers are pending`;
      const text = `the condition did not hold within ${limitMs} ms of simulated time (now ${this.#nowMs}); ${why}`;
      throw broken('TIMEOUT', text);
    });
  }

  async #move(step: () => boolean): Promise<void> {
    if (this.#moving) throw broken('UNSUPPORTED', 'simulated time is moving already: await the earlier call first');
    this.#moving = true;
    this.#firedAtNow = 0;
    try {
      await pump(step);
    } finally {
      this.#moving = false;
    }
  }

  /** Fires one timer that is due until `endMs`; false when there is none. */
  #fireNext(endMs: number): boolean {
    const next = this.#queue.first();
    if (!next || next.atMs > endMs) return false;
    if (next.atMs > this.#nowMs) {
      this.#nowMs = next.atMs;
      this.#firedAtNow = 0;
    }
    this.#firedAtNow += 1;
    if (this.#firedAtNow > TIMERS_PER_INSTANT_MAX) {
      throw broken('TIMEOUT', `more than ${TIMERS_PER_INSTANT_MAX} timers fired at ${this.#nowMs} ms: an endless loop`);
    }
    this.#queue.takeFirst()?.();
    return true;
  }
}

/** A world with a time of its own. See {@link SimulatedTime}. */
export function simulateTime(options: SimulatedTimeOptions): SimulatedTime {
  return new World(options);
}
