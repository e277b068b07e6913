import { FULL_CAPABILITIES, memoryStore, simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { guardBackend } from '../../src/guard/index.js';
import { deferred, emptyList, outcomeOf, scene } from './kit.js';

const watching = { capabilities: FULL_CAPABILITIES };

async function collect(hints: AsyncIterable<unknown> | undefined, into: unknown[]): Promise<unknown[]> {
  for await (const hint of hints ?? []) into.push(hint);
  return into;
}

describe('a watch', () => {
  it('passes on hints until its signal, and lets the backend go', async () => {
    const time = simulateTime({ seed: 1 });
    const store = memoryStore({ runtime: time.runtime });
    const guard = guardBackend(store.client({ cluster: 'c' }), { runtime: time.runtime, callTimeoutMs: 1000 });
    const controller = new AbortController();
    const seen: unknown[] = [];
    const done = outcomeOf(collect(guard.watch(controller.signal), seen));
    await time.advance(10);
    await guard.lock({ name: 'x', node: 'n', instance: 'i', attempt: 'a', ttlMs: 5000 });
    await time.advance(10);
    expect(seen).toContain('changed');
    controller.abort();
    await time.advance(0);
    expect(done.value).toEqual(seen);
  });

  it('ends at its signal although the backend hangs', async () => {
    let returned = 0;
    const hints = { next: () => new Promise(() => undefined), return: () => Promise.reject((returned += 1)) };
    const { guard, time } = scene({ ...watching, watch: () => ({ [Symbol.asyncIterator]: () => hints }) });
    const controller = new AbortController();
    const done = outcomeOf(collect(guard.watch(controller.signal), []));
    await time.advance(10);
    controller.abort();
    await time.advance(0);
    expect([done.done, done.error, returned]).toEqual([true, undefined, 1]);
  });

  it.each([
    [
      'a synchronous throw',
      () => {
        throw new TypeError('x');
      },
      'STORE_FAILED',
    ],
    ['no iterable', () => 3, 'STORE_FAILED'],
    [
      'a broken one',
      async function* () {
        yield 'changed';
        throw new TypeError('x');
      },
      'STORE_FAILED',
    ],
    [
      'nonsense',
      async function* () {
        yield { members: 3 };
      },
      'BACKEND_CONTRACT',
    ],
  ])('names %s', async (_, watch, code) => {
    const { guard, time } = scene({ ...watching, watch });
    const done = outcomeOf(collect(guard.watch(new AbortController().signal), []));
    await time.advance(0);
    expect(done.error?.code).toBe(code);
  });

  it('checks and copies lists, and ends when the backend ends it', async () => {
    const { guard } = scene({
      ...watching,
      watch: async function* () {
        yield emptyList;
        yield 'changed';
      },
    });
    await expect(collect(guard.watch(new AbortController().signal), [])).resolves.toEqual([emptyList, 'changed']);
  });

  it('ends when the guard closes', async () => {
    const never = deferred();
    const hints = { next: () => never.promise };
    const { guard, time } = scene({ ...watching, watch: () => ({ [Symbol.asyncIterator]: () => hints }) });
    const done = outcomeOf(collect(guard.watch(new AbortController().signal), []));
    await time.advance(0);
    await guard.close();
    await time.advance(0);
    expect(done.done).toBe(true);
    await expect(collect(guard.watch(new AbortController().signal), [])).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
