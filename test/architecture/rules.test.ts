import { describe, expect, it } from 'vitest';
import { rules } from './rules.ts';
import { samples } from './samples/index.ts';
import { filesOf, type Sample } from './samples/sample.ts';
import { show } from './source.ts';

const samplesByName = new Map<string, readonly Sample[]>(Object.entries(samples));

describe.each(Object.entries(rules))('%s', (name, rule) => {
  const own = samplesByName.get(name) ?? [];

  it.each(own)('$title', (sample) => {
    const found = rule(filesOf(sample)).map(show);
    const beginnings = found.map((text, index) => text.slice(0, sample.violations[index]?.length));
    expect(beginnings).toEqual(sample.violations);
  });

  it('has a good sample and a bad one', () => {
    expect(new Set(own.map(({ violations }) => violations.length === 0)).size).toBe(2);
  });
});
