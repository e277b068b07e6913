import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MUTANTS, tryMutant } from './index.ts';
import { askKit } from './kit.ts';

const top = fileURLToPath(new URL('../../..', import.meta.url));
/** Seen within a few histories. All of them: npm run simulate:mutants. */
const FAST = ['store-two-holders', 'store-same-token', 'store-takes-names', 'failure-is-loss', 'ready-too-early'];

describe('planted bugs', () => {
  it('have names of their own, and places where they still fit', () => {
    const ids = MUTANTS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const lost = MUTANTS.flatMap(({ id, patches }) =>
      patches
        .filter(({ file, find }) => readFileSync(`${top}${file}`, 'utf8').split(find).length !== 2)
        .map(({ file }) => `${id}: ${file}`),
    );
    expect(lost).toEqual([]);
  });

  it('of a store are seen by the conformance kit as well', { timeout: 300_000 }, async () => {
    const late = MUTANTS.find(({ id }) => id === 'store-late-lock');
    expect(await askKit({ patches: [] })).toEqual([]);
    expect(await askKit(late ?? expect.fail('it has another name'))).toContain('DUP-001');
  });

  it.each(FAST)('%s is seen', { timeout: 300_000 }, async (id) => {
    const mutant = MUTANTS.find((each) => each.id === id);
    if (!mutant) throw new Error(`no mutant is called ${id}`);
    const verdict = await tryMutant(mutant, { histories: 500, seed: 'sample' });
    expect(verdict.seenBy).not.toEqual([]);
  });
});
