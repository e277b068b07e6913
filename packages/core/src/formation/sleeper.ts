import { anySignal, onAbort, type Runtime } from '../runtime/index.js';

export interface Sleep {
  readonly afterMs: number;
  /** Hints count from this many ms on; undefined: not at all. */
  readonly hintsAfterMs: number | undefined;
  readonly released?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

export interface Waking {
  /** The lock was released. */
  readonly released: boolean;
}

/** Waits for a time, a hint or the release of a lock, whichever comes first. One sleep at a time. */
export interface Sleeper {
  sleep(sleep: Sleep): Promise<Waking>;
  hint(): void;
  /** Whether there was a hint that no look has followed. */
  readonly hinted: boolean;
  /** What was hinted at before this moment will be seen by the look that begins now. */
  forgetHints(): void;
}

export function createSleeper(runtime: Runtime, stopped: AbortSignal): Sleeper {
  let hinted = false;
  let onHint: () => void = () => undefined;

  function sleep({ afterMs, hintsAfterMs, released }: Sleep): Promise<Waking> {
    return new Promise((resolve) => {
      const scope = anySignal([stopped]);
      const cancels: (() => void)[] = [scope.clear];
      let isOver = false;
      const end = (waking: Waking) => {
        // A release that is told when the sleep is over must not take the hints of the next one.
        if (isOver) return;
        isOver = true;
        for (const cancel of cancels) cancel();
        onHint = () => undefined;
        scope.abort('awake');
        resolve(waking);
      };
      const wake = () => end({ released: false });
      const listen = () => {
        onHint = wake;
        if (hinted) wake();
      };
      cancels.push(runtime.after(afterMs, wake));
      if (hintsAfterMs !== undefined && hintsAfterMs > 0) cancels.push(runtime.after(hintsAfterMs, listen));
      if (released)
        void released(scope.signal).then(
          () => end({ released: true }),
          () => undefined,
        );
      cancels.push(onAbort(stopped, wake));
      if (hintsAfterMs === 0) listen();
    });
  }

  return {
    sleep,
    get hinted() {
      return hinted;
    },
    hint() {
      hinted = true;
      onHint();
    },
    forgetHints() {
      hinted = false;
    },
  };
}
