import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { faultProxy } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, failure, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

serverSuite(['consul'], 'consul: watch', () => {
  const shared = sharedServer();
  const open = (
    backend: { watch?: (options: ReturnType<typeof call>) => AsyncIterable<unknown> },
    signal?: AbortSignal,
  ) => {
    const iterator = backend.watch?.(call(signal ? { signal } : {}))[Symbol.asyncIterator]();
    if (iterator === undefined) throw new Error('no watch');
    return iterator;
  };
  const changed = { done: false, value: 'changed' };

  describe.concurrent('watch', () => {
    test('misses nothing between the list and its opening', async () => {
      const { one, two } = shared.pair();
      await one.list(call());
      await two.register(registration('n'), call());
      const watch = open(one);
      expect(await watch.next()).toEqual(changed);
      await watch.return?.();
    });

    test('without a list before it, says at once that something may have changed', async () => {
      const watch = open(shared.pair().one);
      expect(await watch.next()).toEqual(changed);
      await watch.return?.();
    });

    test('tells of members that come, change and go, and of the record, and of nothing else', async () => {
      const { one, two } = shared.pair();
      await one.list(call());
      const watch = open(one);
      const next = async () => {
        const value = watch.next();
        let seen = false;
        void value.then(() => (seen = true));
        return { value, seen: () => seen };
      };
      const first = registered(await two.register(registration('n'), call()));
      expect(await watch.next()).toEqual(changed);
      const grant = held(await two.lock(lockOf('n'), call()));
      const quiet = await next();
      await two.register({ ...registration('n'), held: first }, call());
      await two.list(call());
      expect(quiet.seen()).toBe(false);
      await two.unlock(grant, { ...call(), record: recordOf(grant) });
      expect(await quiet.value).toEqual(changed);
      await two.unregister(first, call());
      expect(await watch.next()).toEqual(changed);
      await watch.return?.();
    });

    test('a burst is one change', async () => {
      const { one, two } = shared.pair();
      await one.list(call());
      const watch = open(one);
      await Promise.all(Array.from({ length: 50 }, (_, index) => two.register(registration(`n${index}`), call())));
      let yields = 0;
      let listed = 0;
      while (listed < 50) {
        await watch.next();
        yields += 1;
        listed = (await one.list(call())).members.length;
      }
      expect(yields).toBeLessThan(10);
      await watch.return?.();
    });

    test('ends at an abort, and when the backend is closed', async () => {
      const { one, two } = shared.pair();
      await one.list(call());
      await two.list(call());
      const controller = new AbortController();
      const aborted = open(one, controller.signal).next();
      controller.abort();
      expect(await aborted).toEqual({ done: true, value: undefined });
      const closed = open(two).next();
      await two.close();
      expect((await closed).done).toBe(true);
    });

    test('ends when its questions are answered without a change and without waiting for one', async () => {
      let questions = 0;
      let spin = (): void => undefined;
      const spun = new Promise<'spun'>((resolve) => (spin = () => resolve('spun')));
      // As of something that keeps answers between us and the agent.
      const web = createServer(({ url = '' }, response) => {
        questions += 1;
        if (questions === 10) spin();
        response.writeHead(200, { 'x-consul-index': '7' }).end(url.includes('/status/') ? '"127.0.0.1:8300"' : '[]');
      });
      await once(web.listen(0, '127.0.0.1'), 'listening');
      const { port } = web.address() as AddressInfo;
      const { one } = shared.pair({ hosts: `http://127.0.0.1:${port}` });
      const watch = open(one);
      expect(await watch.next()).toEqual(changed);
      const ended = await Promise.race([watch.next(), spun]);
      await one.close();
      web.closeAllConnections();
      web.close();
      expect(ended).toMatchObject({ done: true });
      expect(questions).toBeLessThan(10);
    });

    test('a connection that is cut ends the watch, and the next one misses nothing', async () => {
      const proxy = shared.keep(await faultProxy(shared.server.httpAddress));
      const { cluster, one } = shared.pair();
      const { one: behind } = shared.pair({ cluster, hosts: proxy.endpoint });
      registered(await one.register(registration('first'), call()));
      await behind.list(call());
      const watch = open(behind);
      const next = watch.next();
      await one.register(registration('n'), call());
      await next;
      const broken = failure(watch.next());
      await one.list(call());
      proxy.cut();
      expect((await broken).code).toBe('STORE_UNREACHABLE');
      await one.register(registration('m'), call());
      const again = open(behind);
      expect(await again.next()).toEqual(changed);
      await again.return?.();
    });
  });
});
