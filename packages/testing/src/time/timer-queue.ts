export interface Timer {
  readonly atMs: number;
  /** Order of creation: decides among timers of one instant. */
  readonly sequence: number;
  task: (() => void) | undefined;
}

const before = (a: Timer, b: Timer) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);

/** Cancelled timers are swept once they are this many, and more than the live ones. */
const SWEEP_FROM = 64;

/** Timers by time, first in first out among equal times: a binary heap. Cancelling only marks, since most are cancelled. */
export class TimerQueue {
  #heap: Timer[] = [];
  #created = 0;
  #live = 0;

  /** Timers that are neither fired nor cancelled. */
  get size(): number {
    return this.#live;
  }

  add(atMs: number, task: () => void): Timer {
    this.#created += 1;
    const timer: Timer = { atMs, sequence: this.#created, task };
    this.#live += 1;
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  cancel(timer: Timer): void {
    if (!timer.task) return;
    timer.task = undefined;
    this.#live -= 1;
    const dead = this.#heap.length - this.#live;
    if (dead > SWEEP_FROM && dead > this.#live) this.#sweep();
  }

  /** The next timer that would fire. */
  first(): Timer | undefined {
    let top = this.#heap[0];
    while (top && !top.task) {
      this.#removeTop();
      top = this.#heap[0];
    }
    return top;
  }

  /** Takes the first timer, which {@link first} showed, off the queue and answers its task. */
  takeFirst(): (() => void) | undefined {
    const task = this.first()?.task;
    if (task) this.#takeTop();
    return task;
  }

  #takeTop(): void {
    const top = this.#heap[0];
    if (top) top.task = undefined;
    this.#live -= 1;
    this.#removeTop();
  }

  #sweep(): void {
    // A sorted array is a heap already.
    this.#heap = this.#heap.filter((timer) => timer.task).sort((a, b) => (before(a, b) ? -1 : 1));
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const timer = heap[from];
    if (!timer) return;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (!above || before(above, timer)) break;
      heap[index] = above;
      heap[parent] = timer;
      index = parent;
    }
  }

  #sink(): void {
    const heap = this.#heap;
    const timer = heap[0];
    if (!timer) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      if (!below) return;
      const right = heap[child + 1];
      if (right && before(right, below)) {
        child += 1;
        below = right;
      }
      if (before(timer, below)) return;
      heap[index] = below;
      heap[child] = timer;
      index = child;
    }
  }
}
