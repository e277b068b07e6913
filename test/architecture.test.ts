import { describe, expect, it } from 'vitest';
import { rules } from './architecture/rules.ts';
import { show } from './architecture/source.ts';
import { readTree } from './architecture/tree.ts';

const tree = readTree();

describe('the tree obeys', () => {
  it.each(Object.entries(rules))('%s', (_name, rule) => {
    expect(rule(tree).map(show)).toEqual([]);
  });

  it('is seen as a whole', () => {
    const paths = tree.map(({ path }) => path);
    expect(paths).toContain('packages/core/src/index.ts');
    expect(paths).toContain('package.json');
    expect(paths).toContain('test/architecture/rules.ts');
  });
});
