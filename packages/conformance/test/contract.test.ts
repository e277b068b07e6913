import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CASES, CONTRACT, DRIVER_CASES, INVARIANTS, NEEDS, NOT_ASKED, type Rule } from '../src/index.js';
import { contractTable } from './contract-table.js';

const rules = Object.keys(CONTRACT) as Rule[];

test('every sentence of the contract names its cases, or why no program can ask it', () => {
  const asked = new Set(CASES.map(({ rule }) => rule));
  expect(rules.filter((rule) => asked.has(rule) === rule in NOT_ASKED)).toEqual([]);
});

test('ids are unique, and every case protects an invariant by a number that exists', () => {
  const all = [...CASES, ...DRIVER_CASES];
  const ids = all.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[A-Z]+-\d{3}$/.test(id))).toEqual([]);
  const unknown = all.flatMap(({ id, protects }) =>
    protects.filter((each) => !(each in INVARIANTS)).map((n) => `${id} ${n}`),
  );
  expect(unknown).toEqual([]);
  expect(all.filter(({ protects }) => protects.length === 0)).toEqual([]);
});

test('every need switches a case on, and every invariant is protected by one', () => {
  const needed = new Set(CASES.flatMap(({ needs }) => needs));
  expect(Object.keys(NEEDS).filter((need) => !new Set<string>(needed).has(need))).toEqual([]);
  const protectedOnes = new Set([...CASES, ...DRIVER_CASES].flatMap(({ protects }) => protects));
  expect(Object.keys(INVARIANTS).filter((each) => !protectedOnes.has(each))).toEqual([]);
});

test('the manual shows the table of sentences and cases as it is', () => {
  const manual = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(manual).toContain(contractTable());
});
