import { invalidRange } from '@autocluster/core/backend';
import type { CancelTimer, Runtime } from '@autocluster/core/runtime';
import type { Random } from './random.js';

export interface ProcessOptions {
  /** How fast its monotonic clock, and with it every timer, runs: 1.01 gains 10 ms a second. Default 1. */
  readonly driftRate?: number;
  /** How far its wall clock is from the true one, in ms. Default 0. */
  readonly offsetMs?: number;
}

/** One process with its own clock. It starts nothing by itself: hand it to whatever runs "in" that process. */
export interface SimulatedProcess extends Runtime {
  readonly state: 'running' | 'paused' | 'suspended' | 'crashed';
  /** Timers that wait to fire in this process. */
  readonly pendingTimers: number;
  /** SIGSTOP: nothing fires, both clocks run on. Timers that came due fire at {@link resume}, in order. */
  pause(): void;
  /** The machine sleeps: nothing fires, the monotonic clock stands still, the wall clock runs on. */
  suspend(): void;
  /** Ends {@link pause} or {@link suspend}. */
  resume(): void;
  /** SIGKILL: nothing in this process fires ever again. */
  crash(): void;
  /** Somebody sets the wall clock; the monotonic clock does not notice. */
  jumpWall(ms: number): void;
}

/** What a process needs of the world's true time. */
export interface TrueTime {
  readonly nowMs: number;
  readonly trueWallMs: number;
  at(trueMs: number, task: () => void): CancelTimer;
}

interface ProcessTimer {
  readonly dueMs: number;
  readonly sequence: number;
  readonly task: () => void;
  cancelTrue: CancelTimer;
}

/** Less is lost among the digits of a long time: whoever waits for the rest of a span would wait for ever. */
const SHORTEST_MS = 1e-6;
const NOTHING: CancelTimer = () => undefined;

export class ProcessRuntime implements SimulatedProcess {
  readonly clock = { monotonicMs: () => this.#monotonicMs(), wallMs: () => this.#time.trueWallMs + this.#wallOffsetMs };
  readonly #time: TrueTime;
  readonly #random: Random;
  readonly #name: string;
  readonly #rate: number;
  readonly #timers = new Set<ProcessTimer>();
  #state: SimulatedProcess['state'] = 'running';
  #wallOffsetMs: number;
  /** Own and true time at the last moment when the rate changed. */
  #ownAnchorMs: number;
  #trueAnchorMs: number;
  #created = 0;
  #ids = 0;

  constructor(name: string, time: TrueTime, random: Random, { driftRate = 1, offsetMs = 0 }: ProcessOptions) {
    if (!(driftRate > 0)) throw invalidRange('driftRate', driftRate, 'a number above 0');
    this.#name = name;
    this.#time = time;
    this.#random = random;
    this.#rate = driftRate;
    this.#wallOffsetMs = offsetMs;
    this.#ownAnchorMs = time.nowMs;
    this.#trueAnchorMs = time.nowMs;
  }

  get state(): SimulatedProcess['state'] {
    return this.#state;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  after(delayMs: number, task: () => void): CancelTimer {
    if (this.#state === 'crashed') return NOTHING;
    this.#created += 1;
    const waitMs = delayMs > 0 ? Math.max(delayMs, SHORTEST_MS) : 0;
    const dueMs = this.#monotonicMs() + waitMs;
    const timer: ProcessTimer = { dueMs, sequence: this.#created, task, cancelTrue: NOTHING };
    this.#timers.add(timer);
    if (this.#state === 'running') this.#schedule(timer, this.#time.nowMs + waitMs / this.#rate);
    return () => this.#drop(timer);
  }

  random(): number {
    return this.#random.next();
  }

  uniqueId(): string {
    this.#ids += 1;
    return `${this.#name}-${this.#ids}`;
  }

  pause(): void {
    if (this.#state === 'running') this.#halt('paused');
  }

  suspend(): void {
    if (this.#state !== 'running') return;
    this.#ownAnchorMs = this.#monotonicMs();
    this.#halt('suspended');
  }

  resume(): void {
    if (this.#state !== 'paused' && this.#state !== 'suspended') return;
    if (this.#state === 'suspended') this.#trueAnchorMs = this.#time.nowMs;
    this.#state = 'running';
    const ordered = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs || a.sequence - b.sequence);
    for (const timer of ordered) {
      this.#schedule(timer, this.#trueAnchorMs + (timer.dueMs - this.#ownAnchorMs) / this.#rate);
    }
  }

  crash(): void {
    this.#halt('crashed');
    this.#timers.clear();
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  #monotonicMs(): number {
    if (this.#state === 'suspended') return this.#ownAnchorMs;
    return this.#ownAnchorMs + (this.#time.nowMs - this.#trueAnchorMs) * this.#rate;
  }

  #halt(state: SimulatedProcess['state']): void {
    this.#state = state;
    for (const timer of this.#timers) timer.cancelTrue();
  }

  #schedule(timer: ProcessTimer, trueMs: number): void {
    timer.cancelTrue = this.#time.at(trueMs, () => {
      this.#timers.delete(timer);
      timer.task();
    });
  }

  #drop(timer: ProcessTimer): void {
    if (this.#timers.delete(timer)) timer.cancelTrue();
  }
}
