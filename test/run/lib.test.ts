import { describe, expect, it } from 'vitest';
import { nodeProblem } from './lib/node-version.mjs';
import { readOptions, STAGES, TEST_STAGES } from './lib/options.mjs';
import { countsLine, sumOf, table, withoutGaps } from './lib/report.mjs';
import { findSuites, serversNeeded } from './lib/suites.mjs';
import { countsOf } from './lib/vitest.mjs';
import { readPackages } from './lib/workspace.mjs';

describe('the Node version', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '26.10.0'])('%s will do', (version) => {
    expect(nodeProblem(version)).toBeUndefined();
  });

  it.each(['20.18.3', '18.20.0'])('%s is named as too old', (version) => {
    expect(nodeProblem(version)).toContain(`Node 20.19 or later is needed, this is ${version}`);
  });
});

describe('options', () => {
  it.each([
    { args: [], stages: STAGES, vitest: [] },
    { args: ['--only', 'pack,types'], stages: ['types', 'pack'], vitest: [] },
    { args: ['--only=unit', '--', '-t', 'lease'], stages: ['unit'], vitest: ['-t', 'lease'] },
    { args: ['packages/core'], stages: TEST_STAGES, vitest: ['packages/core'] },
  ])('$args', ({ args, stages, vitest }) => {
    expect(readOptions(args)).toEqual({ help: false, stages, vitest });
  });

  it.each([['--only'], ['--only', 'unti'], ['--only=']])('%s %s is refused with the names that exist', (...args) => {
    expect(() => readOptions(args)).toThrow(/no stage.*types, lint/);
  });
});

describe('suites', () => {
  it('names the servers of a suite', () => {
    // In parts, so that this file is not taken for one that needs a server.
    const call = 'serverSuite';
    const text = `${call}(['etcd', "etcdctl"], 'x', f);\n${call}([\n  'etcd'], 'y', f)`;
    expect(serversNeeded(text)).toEqual(['etcd', 'etcdctl']);
    expect(serversNeeded("import { serverSuite } from './suite.ts'")).toEqual([]);
    expect(serversNeeded("one: { servers: ['etcd'] }, two: { servers: ['consul'] }")).toEqual(['etcd', 'consul']);
    const crash = findSuites().find(({ file }) => file === 'test/real/crash.test.ts');
    expect(crash).toMatchObject({ stage: 'real', servers: expect.arrayContaining(['etcd']) });
  });

  it('puts every test file into one stage', () => {
    const suites = findSuites();
    expect(suites.find(({ file }) => file === 'test/architecture.test.ts')).toMatchObject({
      stage: 'unit',
      servers: [],
    });
    expect(new Set(suites.map(({ file }) => file)).size).toBe(suites.length);
    // Also where a file beside it is what starts the servers.
    const processes = suites.filter(({ file }) => file.startsWith('test/real/'));
    expect(processes.filter(({ stage }) => stage !== 'real').map(({ file }) => file)).toEqual([]);
    expect(processes.length).toBeGreaterThan(0);
  });
});

const passing = { status: 'passed', assertionResults: [{ status: 'passed', fullName: 'a' }] };
const skipping = { status: 'passed', assertionResults: [{ status: 'skipped', fullName: 'b' }] };
const broken = { status: 'failed', assertionResults: [] };

describe('counts', () => {
  it.each([
    { name: 'passes', results: [passing], code: 0, counts: { passed: 1, failed: 0, skipped: 0, skippedNames: [] } },
    {
      name: 'skips',
      results: [passing, skipping],
      code: 0,
      counts: { passed: 1, failed: 0, skipped: 1, skippedNames: ['b'] },
    },
    {
      name: 'does not load',
      results: [passing, broken],
      code: 1,
      counts: { passed: 1, failed: 1, skipped: 0, skippedNames: [] },
    },
    {
      name: 'fails outside of tests',
      results: [passing],
      code: 1,
      counts: { passed: 1, failed: 1, skipped: 0, skippedNames: [] },
    },
  ])('a run that $name', ({ results, code, counts }) => {
    expect(countsOf({ testResults: results, numPassedTests: 1, numFailedTests: 0 }, code)).toEqual(counts);
  });

  it('ends with one line', () => {
    const results = [
      { name: 'types', tookMs: 1200, passed: 1, failed: 0, skipped: 0 },
      { name: 'unit', tookMs: 10, passed: 10, failed: 1, skipped: 2 },
    ];
    expect(countsLine(sumOf(results))).toBe('11 passed, 1 failed, 2 skipped');
    expect(countsLine(sumOf(results.slice(0, 1)))).toBe('1 passed, 0 failed');
    expect(table(results).split('\n')).toHaveLength(3);
  });

  it('leaves no gap in CI', () => {
    expect(withoutGaps({ passed: 1, failed: 0, skipped: 2 })).toMatchObject({ failed: 2, skipped: 0 });
  });
});

describe('the workspace', () => {
  it('lists packages after those that they need', () => {
    const names = readPackages().map(({ name }) => name);
    expect(names[0]).toBe('@autocluster/core');
    expect(names).toContain('@autocluster/local');
  });
});
