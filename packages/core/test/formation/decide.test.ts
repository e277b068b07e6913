import { describe, expect, it } from 'vitest';
import { DECIDE_TABLE } from '../../src/formation/decide/index.js';
import { UNKNOWN_ROWS } from '../../src/formation/decide/unsure.js';
import { FORMED_CASES, UNSURE_CASES } from './decide-rows.js';
import { BLANK_CASES } from './decide-rows-blank.js';
import { COMMITTED_CASES } from './decide-rows-committed.js';
import { decideOn } from './kit.js';

const CASES = [...UNSURE_CASES, ...FORMED_CASES, ...COMMITTED_CASES, ...BLANK_CASES];

describe('the decide table', () => {
  it.each(CASES)('row %s: %s', (row, _what, question, decision) => {
    expect(decideOn(question)).toMatchObject({ row, ...decision });
  });

  it('has a case for each of its rows', () => {
    const rows = new Set([...UNKNOWN_ROWS, ...DECIDE_TABLE].map((each) => each.row));
    expect(new Set(CASES.map(([row]) => row))).toEqual(rows);
  });

  it('ends in a row that always holds', () => {
    const last = DECIDE_TABLE.at(-1);
    expect(last?.row).toBe('25');
    expect(last?.when.length).toBe(0);
  });
});
