/**
 * An `AbortController` that does what the core needs of one and nothing else. The platform's is an event target with all
 * that belongs to it: it costs a third of a simulated history. Only for long searches; the tests run with the real one.
 */
class LightSignal {
  aborted = false;
  reason: unknown = undefined;
  readonly #listeners = new Set<(event: unknown) => void>();

  addEventListener(_type: string, listener: (event: unknown) => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: string, listener: (event: unknown) => void): void {
    this.#listeners.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  fire(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const told = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of told) listener({ type: 'abort', target: this });
  }
}

const NO_REASON = new DOMException('This operation was aborted', 'AbortError');

class LightController {
  readonly signal = new LightSignal();

  abort(reason: unknown = NO_REASON): void {
    this.signal.fire(reason);
  }
}

Object.assign(globalThis, { AbortController: LightController, AbortSignal: LightSignal });
