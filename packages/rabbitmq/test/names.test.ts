import { describe, expect, test } from 'vitest';
import { nodeName, sameKind } from '../src/names.js';

const wishes = (node?: string, host?: string, longNames?: boolean) => ({ node, host, longNames });
const names = (node?: string, host?: string, longNames?: boolean) =>
  nodeName(wishes(node, host, longNames), 'host-1.example.org');

describe('S86: the name of a node', () => {
  test.each([
    ['nothing given', names(), 'rabbit@host-1', false],
    ['long names', names(undefined, undefined, true), 'rabbit@host-1.example.org', true],
    ['a prefix', names('worker'), 'worker@host-1', false],
    ['a whole name', names('worker@other'), 'worker@other', false],
    ['a prefix and a host', names('worker', 'other'), 'worker@other', false],
    ['the host wins over that of the name', names('worker@ignored', 'other'), 'worker@other', false],
    [
      'S53, S64: an address is kept whole, and makes a long name',
      names('rabbit', '172.17.0.4'),
      'rabbit@172.17.0.4',
      true,
    ],
    ['a dot makes a long name', names('rabbit@a.b'), 'rabbit@a.b', true],
  ])('%s', (_title, name, node, longNames) => {
    expect(name).toEqual({ node, longNames });
  });

  test('a machine that is named by its address keeps it', () => {
    expect(nodeName(wishes(), '10.0.0.7')).toEqual({ node: 'rabbit@10.0.0.7', longNames: true });
  });

  test.each([
    ['a short host as a long name', () => names('rabbit@short', undefined, true)],
    ['a long host as a short name', () => names('rabbit@a.b', undefined, false)],
    ['no prefix', () => names('@host')],
    ['a space', () => names('rab bit')],
    ['a quote', () => names("rab'bit")],
    ['two at signs', () => names('a@b@c')],
  ])('%s is refused', (_title, name) => {
    expect(name).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: 'node' }));
  });

  test('nodes of both kinds cannot talk to each other', () => {
    expect(sameKind('rabbit@a', false)).toBe(true);
    expect(sameKind('rabbit@a', true)).toBe(false);
    expect(sameKind('rabbit@10.0.0.1', true)).toBe(true);
  });
});
