import { readFileSync } from 'node:fs';
import { BRAKE_NAMES, brakesAsMarkdown, brakesAsText } from '@autocluster/core';
import { expect, it } from 'vitest';
import { policyOf } from './plan-kit.js';

const MANUAL = readFileSync(new URL('../../CLEANUP.md', import.meta.url), 'utf8');

it('C12: the manual and the help tell of every brake, from one table', () => {
  const [, told] = /<!-- brakes -->\n([^]*?)\n<!-- \/brakes -->/.exec(MANUAL) ?? [];
  expect(told).toBe(brakesAsMarkdown());
  const help = brakesAsText();
  for (const name of BRAKE_NAMES) expect(help).toMatch(new RegExp(`^${name}: `, 'm'));
});

it('the defaults that the table tells are those of the policy', () => {
  expect(policyOf({ mode: 'report' })).toMatchObject({
    observersUnknownMax: 0,
    listShrinkRatioMax: 0.5,
    membersMin: 2,
    removalRatioMax: 0.5,
    removalsPerTickMax: 1,
    observationsMin: 3,
    removedMax: 500,
    graceMs: 45_000,
  });
});
