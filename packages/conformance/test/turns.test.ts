import { expect, test } from 'vitest';
import { testBackend, type TestRunner } from '../src/index.js';
import { memorySubject } from './subjects/memory.js';

test('stores that a test runner tests at once are there one after another', async () => {
  const bodies: (() => Promise<void>)[] = [];
  const runner: TestRunner = {
    describe: (_title, body) => body(),
    test: (_title, _options, body) => bodies.push(body),
  };
  const seen: string[] = [];
  const options = { ...runner, only: ['BIND-009'], log: (line: string) => seen.push(line.split(',')[0] ?? '') };
  for (const name of ['one', 'two']) {
    const source = () => {
      seen.push(`${name} is started`);
      return { ...memorySubject(), name, close: async () => void seen.push(`${name} is closed`) };
    };
    testBackend(name, source, options);
  }
  await Promise.all(bodies.map((body) => body()));
  expect(seen).toStrictEqual([
    'one is started',
    'one is closed',
    'one: 1 passed',
    'two is started',
    'two is closed',
    'two: 1 passed',
  ]);
});
