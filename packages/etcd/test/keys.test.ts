import { type Entry, nameProblem } from '@autocluster/core/backend';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { autoclusterLayout, type Layout, textOf } from '../src/keys.js';
import { rabbitmqLayout } from '../src/rabbitmq-layout.js';
import type { KeyValue } from '../src/transport.js';

const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.constantFrom('rabbit@host-1', 'a', '%2F', '..a', 'ß', '🐇@x'),
  )
  .filter((text) => nameProblem(text) === undefined);
const prefix = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const layouts: readonly (readonly [string, (prefix: string, cluster: string) => Layout])[] = [
  ['autocluster', autoclusterLayout],
  ['rabbitmq', rabbitmqLayout],
];
const inRange = ({ key, end }: Layout['members'], candidate: Buffer) =>
  Buffer.compare(candidate, key) >= 0 && end !== undefined && Buffer.compare(candidate, end) < 0;
const stored = (key: Buffer, value: string, lease: bigint): KeyValue => ({
  key,
  value: Buffer.from(value),
  createRevision: 1n,
  modRevision: 1n,
  lease,
});

describe.each(layouts)('keys of the %s layout', (_, make) => {
  test('S74: key and node are a bijection for any prefix', () => {
    fc.assert(
      fc.property(prefix, name, name, name, (prefix, cluster, node, other) => {
        const layout = make(prefix, cluster);
        const key = layout.memberKey(node);
        expect(layout.nodeOf(key)).toBe(node);
        expect(inRange(layout.members, key)).toBe(true);
        expect(layout.memberKey(other).equals(key)).toBe(other === node);
      }),
    );
  });

  test('members, record and locks never lie in one another', () => {
    fc.assert(
      fc.property(prefix, name, name, name, fc.bigInt(1n, 2n ** 63n - 1n), (prefix, cluster, node, lock, lease) => {
        const layout = make(prefix, cluster);
        const key = layout.lockKey(lock, lease);
        expect(inRange(layout.lockRange(lock), key)).toBe(true);
        expect(inRange(layout.members, key)).toBe(false);
        expect(inRange(layout.members, layout.record)).toBe(false);
        expect(inRange(layout.lockRange(lock), layout.record)).toBe(false);
        expect(inRange(layout.lockRange(lock), layout.memberKey(node))).toBe(false);
      }),
    );
  });

  test('a value is read back as it was written', () => {
    fc.assert(
      fc.property(
        name,
        name,
        fc.dictionary(name, fc.string()),
        fc.bigInt(1n, 2n ** 63n - 1n),
        (node, instance, metadata, lease) => {
          const layout = make('p', 'c');
          const identity = { clusterId: 'x', generation: 2 };
          const entry: Entry = { node, instance, state: 'ready', identity, recordVersion: 3, metadata, ttlMs: 5000 };
          const decoded = layout.decode(stored(layout.memberKey(node), layout.encode(entry, lease), lease));
          expect(decoded).toEqual({ kind: 'entry', entry });
        },
      ),
    );
  });

  test('any bytes as value are read without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const layout = make('p', 'c');
        const damaged = { ...stored(layout.memberKey('n'), '', 1n), value: Buffer.from(bytes) };
        expect(() => layout.decode(damaged)).not.toThrow();
      }),
    );
  });

  test('a key that no node has is not the key of a node', () => {
    const layout = make('p', 'c');
    const within = (rest: Buffer) => layout.nodeOf(Buffer.concat([layout.members.key, rest]));
    expect(within(Buffer.from([0xff, 0xfe]))).toBeUndefined();
    expect(within(Buffer.from('a/b'))).toBeUndefined();
    expect(within(Buffer.from(''))).toBeUndefined();
    expect(layout.nodeOf(layout.record)).toBeUndefined();
  });
});

test('the keys are those that the documentation names', () => {
  const shown = (layout: Layout) =>
    [layout.memberKey('n'), layout.record, layout.lockKey('formation', 255n), layout.lockKey('x', 255n)].map(textOf);
  expect(shown(autoclusterLayout('a/b', 'c'))).toEqual([
    '/a/b/c/members/n',
    '/a/b/c/record',
    '/a/b/c/locks/formation/ff',
    '/a/b/c/locks/x/ff',
  ]);
  expect(shown(rabbitmqLayout('p', 'c'))).toEqual([
    '/rabbitmq/discovery/p/clusters/c/nodes/n',
    '/rabbitmq/discovery/p/clusters/c/autocluster/record',
    '/rabbitmq/locks/p/clusters/c/registration/ff',
    '/rabbitmq/locks/p/clusters/c/autocluster/x/ff',
  ]);
});
