/** Undos that run, by the place that they hold up. */
export class UndoQueue {
  readonly #running = new Map<string, Set<Promise<void>>>();

  /** Holds up `place` until the work has ended. What it cannot remove lapses, so that failures interest nobody. */
  add(place: string, work: Promise<void>): Promise<void> {
    const tracked = quietly(work);
    const atPlace = this.#running.get(place) ?? new Set();
    this.#running.set(place, atPlace.add(tracked));
    void tracked.finally(() => this.#remove(place, tracked));
    return tracked;
  }

  pending(place: string): Promise<unknown> | undefined {
    const atPlace = this.#running.get(place);
    return atPlace && Promise.all(atPlace);
  }

  all(): Promise<unknown> {
    return Promise.all([...this.#running.values()].flatMap((atPlace) => [...atPlace]));
  }

  #remove(place: string, tracked: Promise<void>): void {
    const atPlace = this.#running.get(place);
    atPlace?.delete(tracked);
    if (atPlace?.size === 0) this.#running.delete(place);
  }
}

async function quietly(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch {
    // It lapses.
  }
}
