import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const top = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, top), 'utf8');

const rows = [...read('packages/rabbitmq/SCENARIOS.md').matchAll(/^\| (S\d+) \|.*\| (.*) \|$/gm)].map(
  ([, number = '', where = '']) => ({ number, where, files: where.match(/[\w/.-]+\.test\.ts/g) ?? [] }),
);

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_each, index) => `S${from + index}`);

test('all of them are there, each with a test or a reason', () => {
  expect(rows.map(({ number }) => number)).toEqual([...range(1, 25), 'S39', 'S44', ...range(81, 92)]);
  for (const { where, files } of rows) expect(files.length > 0 || /no test|the tests of/.test(where)).toBe(true);
});

test.each(rows.flatMap(({ number, files }) => files.map((file) => ({ number, file }))))(
  '$number: $file has a test of that name',
  ({ number, file }) => {
    expect(read(file)).toMatch(new RegExp(`['\`][^'\`\\n]*\\b${number}\\b[^'\`\\n]*:`));
  },
);
