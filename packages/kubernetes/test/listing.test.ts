import { describe, expect, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: list', () => {
  const shared = sharedServer();

  describe.concurrent('list', () => {
    test('S5: an empty namespace is an empty complete list', async () => {
      const { one } = shared.pair();
      const list = await one.list(call());
      expect(list).toMatchObject({ members: [], record: { kind: 'absent' }, complete: true, skipped: [] });
      expect(list.revision).toBeGreaterThan(0n);
      expect(list.store).toMatch(/^[0-9a-f-]{36}$/);
    });

    test('V1: the revision grows with each write, and members and record are of one moment', async () => {
      const { one, two } = shared.pair();
      const before = await one.list(call());
      registered(await two.register(registration('n'), call()));
      const grant = held(await two.lock(lockOf('n'), call()));
      const record = recordOf(grant);
      expect(await two.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      const after = await one.list(call());
      expect(after.revision).toBeGreaterThan(before.revision ?? 0n);
      expect(after.record).toEqual({ kind: 'present', record });
      expect(after.store).toBe(before.store);
    });
  });
});
