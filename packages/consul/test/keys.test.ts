import { nameProblem } from '@autocluster/core/backend';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layoutOf, pathOf } from '../src/keys.js';

const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.constantFrom('rabbit@host-1', 'a', '%2F', '%', '..a', 'ß', '🐇@x', '\u200b', '\u00a0'),
  )
  .filter((text) => nameProblem(text) === undefined);
const prefix = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const layouts = ['autocluster', 'rabbitmq'] as const;

describe.each(layouts)('keys of the %s layout', (kind) => {
  test('S74: key and node are a bijection for any prefix', () => {
    fc.assert(
      fc.property(prefix, name, name, name, (prefix, cluster, node, other) => {
        const layout = layoutOf(prefix, cluster, kind);
        const key = layout.memberKey(node);
        expect(layout.nodeOf(key)).toBe(node);
        expect(layout.isMember(key)).toBe(true);
        expect(layout.memberKey(other) === key).toBe(other === node);
        expect(decodeURIComponent(pathOf(key))).toBe(key);
      }),
    );
  });

  test('members, record and locks never lie in one another', () => {
    fc.assert(
      fc.property(prefix, name, name, name, (prefix, cluster, node, lock) => {
        const layout = layoutOf(prefix, cluster, kind);
        const { key } = layout.lock(lock);
        expect(key.startsWith(layout.state)).toBe(false);
        const places = [layout.memberKey(node), layout.record, layout.marker, layout.nothing, key];
        expect(new Set(places).size).toBe(places.length);
        expect([layout.record, layout.marker, layout.nothing].some((each) => layout.isMember(each))).toBe(false);
      }),
    );
  });

  test('a key that no node has is not the key of a node', () => {
    const layout = layoutOf('p', 'c', kind);
    const within = (rest: string) => layout.nodeOf(`${layout.state}members/${rest}`);
    expect(['a/b', '', '%61', '%zz', '\u200b'].map(within)).toEqual(Array(5).fill(undefined));
    expect(layout.nodeOf(layout.record)).toBeUndefined();
  });
});

test('the keys are those that the documentation names', () => {
  const shown = (kind: 'autocluster' | 'rabbitmq') => {
    const layout = layoutOf('a/b', 'c', kind);
    return [layout.memberKey('n'), layout.record, layout.lock('formation').key, layout.lock('x').key];
  };
  expect(shown('autocluster')).toEqual([
    'a/b/c/state/members/n',
    'a/b/c/state/record',
    'a/b/c/locks/formation/.lock',
    'a/b/c/locks/x/.lock',
  ]);
  expect(shown('rabbitmq')[2]).toBe('a/b/c/startup_lock');
});
