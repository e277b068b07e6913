import { type Backend, type CallOptions, ClusterError } from '@autocluster/core/backend';
import { systemClock } from '@autocluster/core/runtime';
import { describe, expect, test } from 'vitest';
import { type FaultProxy, until } from '../servers/harness/index.js';
import { call, failure, failureInTime, held, lockOf, recordOf, registered, registration } from './support.js';

const VERBS = ['register', 'renew', 'unregister', 'list', 'lock', 'hold', 'unlock', 'commit'] as const;
export type Verb = (typeof VERBS)[number];

/** Each verb with everything that it needs in place. */
async function prepared(backend: Backend): Promise<Record<Verb, (options: CallOptions) => Promise<unknown>>> {
  const node = registered(await backend.register(registration('n'), call()));
  const other = registered(await backend.register(registration('m'), call()));
  const request = lockOf('n');
  const grant = held(await backend.lock(request, call()));
  const cleanup = held(await backend.lock(lockOf('n', { name: 'cleanup' }), call()));
  return {
    register: (options) => backend.register(registration('new'), options),
    renew: (options) => backend.register({ ...registration('n'), held: node }, options),
    unregister: (options) => backend.unregister(other, options),
    list: (options) => backend.list(options),
    lock: (options) => backend.lock(lockOf('n', { name: 'work' }), options),
    hold: (options) => backend.lock({ ...request, held: grant }, options),
    unlock: (options) => backend.unlock(cleanup, options),
    commit: (options) => backend.unlock(grant, { ...options, record: recordOf(grant) }),
  };
}

/**
 * What each verb of each backend does on a bad day of its store.
 *
 * @param behindProxy A client whose store is behind a proxy.
 * @param unknown Verbs that have sent what they are for before they know that their store hangs: nobody knows what came of it.
 */
export function faultsOfEachVerb(
  behindProxy: () => Promise<{ readonly proxy: FaultProxy; readonly behind: Backend }>,
  unknown: ReadonlySet<Verb>,
): void {
  describe.concurrent.each(VERBS)('%s', (verb) => {
    test('a store that hangs: settles by itself within its time plus one second', async () => {
      const { proxy, behind } = await behindProxy();
      const verbs = await prepared(behind);
      proxy.pause();
      const error = await failureInTime(verbs[verb], 700);
      expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true });
      expect(error.outcomeUnknown).toBe(unknown.has(verb));
      proxy.resume();
      await until('the store is back', () => behind.list(call({ timeoutMs: 1000 })));
    });

    test('the caller gives up: settles at once, with the right code', async () => {
      const { proxy, behind } = await behindProxy();
      const verbs = await prepared(behind);
      proxy.pause();
      const give = async (reason: unknown) => {
        const controller = new AbortController();
        const work = failure(verbs[verb](call({ signal: controller.signal, timeoutMs: 30_000 })));
        await Promise.resolve();
        const began = systemClock.monotonicMs();
        controller.abort(reason);
        const { code } = await work;
        return { code, prompt: systemClock.monotonicMs() - began < 500 };
      };
      expect(await give(new Error('enough'))).toEqual({ code: 'ABORTED', prompt: true });
      expect(await give(new ClusterError('TIMEOUT', 'late'))).toEqual({ code: 'TIMEOUT', prompt: true });
      // The first of them took the connection for dead; the next one is new.
      expect(await give(new Error('enough'))).toEqual({ code: 'ABORTED', prompt: true });
    });

    test('aborted before it began: nothing is sent', async () => {
      const { behind, proxy } = await behindProxy();
      const verbs = await prepared(behind);
      const { bytesUp } = proxy.counters;
      const error = await failure(verbs[verb](call({ signal: AbortSignal.abort() })));
      expect(error).toMatchObject({ code: 'ABORTED', outcomeUnknown: false });
      expect(proxy.counters.bytesUp).toBe(bytesUp);
    });

    test('after close: CLOSED; during it as well', async () => {
      const { proxy, behind } = await behindProxy();
      const verbs = await prepared(behind);
      proxy.pause();
      const during = failure(verbs[verb](call()));
      await behind.close();
      expect((await during).code).toBe('CLOSED');
      expect((await failure(verbs[verb](call()))).code).toBe('CLOSED');
      await behind.close();
    });
  });
}
