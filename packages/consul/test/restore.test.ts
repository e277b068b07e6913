import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder, removeFolder } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

serverSuite(['consul'], 'consul: a snapshot that is restored into the running servers', () => {
  const shared = sharedServer({ mode: 'server' });

  test('lowers no token, wakes who watches, and is seen in the next list', async () => {
    const folder = makeFolder('consul-snapshot');
    const file = join(folder, 'backup.snap');
    const { one, two } = shared.pair();
    try {
      const member = registered(await one.register(registration('a'), call()));
      const before = held(await one.lock(lockOf('a'), call()));
      expect(await one.unlock(before, { ...call(), record: recordOf(before) })).toEqual({ kind: 'released' });
      expect((await shared.server.consul(['snapshot', 'save', file])).exitCode).toBe(0);

      await one.unregister(member, call());
      const later = held(await one.lock(lockOf('a'), call()));
      expect(await one.unlock(later, call())).toEqual({ kind: 'released' });
      const emptied = await two.list(call());
      expect(emptied.members).toEqual([]);
      const watch = two.watch?.(call())[Symbol.asyncIterator]();
      const woken = watch?.next();
      expect((await shared.server.consul(['snapshot', 'restore', file])).exitCode).toBe(0);

      expect(await woken).toEqual({ done: false, value: 'changed' });
      const restored = await two.list(call());
      expect(restored.members.map(({ node }) => node)).toEqual(['a']);
      expect(restored.record).toMatchObject({ kind: 'present', record: { version: 1 } });
      // It goes on from there: what comes after the restore is told as well.
      const next = watch?.next();
      const after = held(await one.lock(lockOf('b'), call()));
      expect(after.token).toBeGreaterThan(later.token);
      registered(await one.register(registration('b'), call()));
      expect(await next).toEqual({ done: false, value: 'changed' });
      await watch?.return?.();
      expect(await one.unlock(after, call())).toEqual({ kind: 'released' });
    } finally {
      await removeFolder(folder);
    }
  });
});
