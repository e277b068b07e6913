import type { MemberList } from '../backend/index.js';
import { anySignal, onAbort } from '../runtime/index.js';
import { checkList } from './check-answer.js';
import { fromForeign } from './foreign-error.js';
import { closedError, type Guard } from './guard-call.js';

type Hint = MemberList | 'changed';

const ENDED = Symbol('ended');

/** Whatever comes first. The late result of `work` is looked at by nobody, its failure included. */
function orEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T | typeof ENDED> {
  return new Promise((resolve, reject) => {
    const letGo = onAbort(signal, () => resolve(ENDED));
    void work.finally(letGo).then(resolve, reject);
  });
}

function open(guard: Guard, signal: AbortSignal): AsyncIterator<unknown> {
  const { backend, callTimeoutMs, runtime } = guard;
  const hints = backend.watch?.({ signal, timeoutMs: callTimeoutMs, clock: runtime.clock });
  const begin: unknown = hints?.[Symbol.asyncIterator];
  return typeof begin === 'function' && hints ? hints[Symbol.asyncIterator]() : { next: () => Promise.reject(begin) };
}

/** Hints of the store, checked. Ends at the signal at once, whatever the backend does; throws at a break. */
export async function* guardWatch(guard: Guard, parent: AbortSignal): AsyncGenerator<Hint, void, undefined> {
  if (guard.closed) throw closedError('watch');
  const { signal, abort, clear } = anySignal([parent]);
  const asked = { who: guard.manifest.name, operation: 'watch' };
  guard.running.add(abort);
  let hints: AsyncIterator<unknown> | undefined;
  try {
    hints = open(guard, signal);
    for (;;) {
      const step = await orEnded(hints.next(), signal);
      if (step === ENDED || step.done === true) return;
      yield step.value === 'changed' ? 'changed' : checkList(asked, step.value);
    }
  } catch (thrown) {
    throw fromForeign(thrown, 'watch', 'STORE_FAILED');
  } finally {
    guard.running.delete(abort);
    abort(undefined);
    clear();
    void leave(hints);
  }
}

/** Tells the backend that nobody listens any more. It may be stuck, so nobody waits for it. */
async function leave(hints: AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await hints?.return?.();
  } catch {
    // Nobody listens any more.
  }
}
