import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.mjs';
import { tool, top } from './workspace.mjs';

const CONFIG = join(top, 'test', 'run', 'vitest.config.ts');

/** A file that could not be loaded failed without a test of its own having failed. */
const failedToLoad = ({ testResults }) =>
  testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((each) => each.status === 'failed'),
  ).length;

const isSkipped = ({ status }) => status === 'skipped' || status === 'pending' || status === 'todo';

export function countsOf(report, exitCode) {
  const skippedNames = report.testResults
    .flatMap(({ assertionResults }) => assertionResults.filter(isSkipped))
    .map((each) => each.fullName);
  const failed = report.numFailedTests + failedToLoad(report);
  // An error outside of every test is a failure too.
  return {
    passed: report.numPassedTests,
    failed: failed || (exitCode === 0 ? 0 : 1),
    skipped: skippedNames.length,
    skippedNames,
  };
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Runs the given files; vitest's own report is the progress, its JSON the counts. */
export async function runVitest({ files, args, workers, onLine }) {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0, skippedNames: [] };
  const folder = mkdtempSync(join(tmpdir(), 'autocluster-report-'));
  const json = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${json}`];
  try {
    const command = [
      ...tool('vitest', 'vitest'),
      'run',
      '--config',
      CONFIG,
      '--passWithNoTests',
      ...reporters,
      ...args,
    ];
    const { code } = await run(command, {
      cwd: top,
      env: { ...process.env, AUTOCLUSTER_TEST_FILES: files.join(','), AUTOCLUSTER_TEST_WORKERS: `${workers}` },
      onLine,
    });
    const report = readReport(json);
    if (report === undefined)
      return {
        passed: 0,
        failed: 1,
        skipped: 0,
        skippedNames: [],
        note: `vitest ended with ${code} and without a report`,
      };
    return countsOf(report, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
