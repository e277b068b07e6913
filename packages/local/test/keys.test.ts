import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameProblem } from '@autocluster/core/backend';
import { clusterKeys, endOf } from '../src/keys.js';
import { isLive, newLease, splitLease, withLease } from '../src/lease.js';
import { attempt, busy, call, held, member, names, newFolder, openLocal, registered } from './support.js';

const name = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }),
    fc.constantFrom('members', 'locks', 'record', '0', '~'),
  )
  .filter((text) => nameProblem(text) === undefined);

test('a key names one node of one cluster, for every name', () => {
  fc.assert(
    fc.property(name, name, name, name, (cluster, node, otherCluster, otherNode) => {
      const keys = clusterKeys(cluster);
      const others = clusterKeys(otherCluster);
      expect(keys.nodeOf(keys.member(node))).toBe(node);
      const same = cluster === otherCluster && node === otherNode;
      expect(keys.member(node) === others.member(otherNode)).toBe(same);
      expect(keys.lock(node) === others.lock(otherNode)).toBe(same);
      const all = [keys.sequence, keys.record, keys.member(node), keys.lock(node)];
      expect(new Set(all).size).toBe(4);
      const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(order(keys.members, keys.member(node))).toBe(-1);
      expect(order(keys.member(node), endOf(keys.members))).toBe(-1);
      expect(order(endOf(keys.members), keys.record)).toBe(-1);
    }),
    { numRuns: 1_000 },
  );
});

test('nodes and locks of any name come back as they went in', async () => {
  const backend = openLocal(newFolder());
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), async (nodes) => {
      const made = await Promise.all(nodes.map((node) => registered(backend, member(node, { instance: 'i' }))));
      expect((await names(backend)).sort()).toEqual([...nodes].sort());
      await Promise.all(made.map((registration) => backend.unregister(registration, call())));
      expect(await names(backend)).toEqual([]);
      for (const node of nodes) {
        const grant = await held(backend, attempt('a', { name: node }));
        expect(await busy(backend, attempt('b', { name: node }))).toMatchObject({ holder: 'a' });
        await backend.unlock(grant, call());
      }
    }),
    { numRuns: 30 },
  );
});

test('a lease comes back as it went in, in front of any text', () => {
  const moment = { nowMs: 12_345.678, boot: 'b-1' };
  fc.assert(
    fc.property(fc.string(), fc.bigInt(1n, 2n ** 53n), fc.double({ noNaN: true }), (text, order, ttlMs) => {
      const lease = newLease(order, ttlMs, moment);
      const split = splitLease(withLease(lease, text));
      expect(split).toEqual({ lease: { ...lease, expiresAtMs: expect.closeTo(lease.expiresAtMs, 2) }, text });
      expect(isLive(lease, moment)).toBe(true);
    }),
  );
});

test('nothing that somebody else wrote is a lease by accident, nor does it throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(splitLease(text)).toBeUndefined();
    }),
  );
});
