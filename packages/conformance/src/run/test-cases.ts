import { CASES } from '../cases/index.js';
import { DRIVER_CASES } from '../driver/cases/index.js';
import { runDriverCases } from '../driver/run.js';
import type { DriverSubject } from '../driver/subject.js';
import { broken } from '../errors.js';
import type { BackendSubject } from '../subject.js';
import { requireChosen } from './choose.js';
import { summaryOf } from './format.js';
import { type CaseResult, isError, type Report } from './result.js';
import { runBackendCases, type RunOptions } from './run.js';
import { inTurn } from './turn.js';

/** The two functions of a test runner, as Vitest and `node:test` have them. */
export interface TestRunner {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly test: (title: string, options: { readonly timeout: number }, body: () => Promise<void>) => unknown;
}

export interface TestOptions extends TestRunner {
  /** Ids of the cases to ask, or what they begin with. Default: all. */
  readonly only?: readonly string[];
  /** How long the whole suite may take, in ms. Default 600 000. */
  readonly timeoutMs?: number;
  /** Takes the lines that tell how many cases were asked, and which were not and why. Default: `console.log`. */
  readonly log?: (line: string) => void;
}

/** What is tested; a function makes it before the first case, e.g. when a server must be started. */
type Source<T> = T | (() => T | Promise<T>);

type Start = (onResult: (result: CaseResult) => void) => Promise<Report>;

/** Results by id as they come; all are asked with the first. */
class Results {
  readonly #start: Start;
  readonly #known = new Map<string, CaseResult>();
  readonly #waiting = new Map<string, (result: CaseResult) => void>();
  #report: Promise<Report> | undefined;

  constructor(start: Start) {
    this.#start = start;
  }

  report(): Promise<Report> {
    this.#report ??= this.#start((result) => {
      this.#known.set(result.id, result);
      this.#waiting.get(result.id)?.(result);
    });
    return this.#report;
  }

  async of(id: string): Promise<CaseResult> {
    const report = this.report();
    const known = this.#known.get(id);
    if (known) return known;
    const result = new Promise<CaseResult>((resolve) => this.#waiting.set(id, resolve));
    // A run that breaks down rejects for all who wait.
    const rest = report.then(() => this.#known.get(id) ?? broken(`the run has ended without ${id}`));
    return Promise.race([result, rest]);
  }
}

const titleOf = ({ id, sentence }: Pick<CaseResult, 'id' | 'sentence'>): string => `${id} ${sentence}`;

function testCases(
  title: string,
  cases: readonly Pick<CaseResult, 'id' | 'sentence'>[],
  start: Start,
  { describe, test, timeoutMs = 600_000, log = console.log }: TestOptions,
): void {
  const timeout = { timeout: timeoutMs };
  const results = new Results(start);
  describe(title, () => {
    for (const each of cases) {
      test(titleOf(each), timeout, async () => {
        const result = await results.of(each.id);
        if (isError(result)) broken(`${titleOf(result)}\n${result.because}`);
      });
    }
    test('every case has a result', timeout, async () => {
      const report = await results.report();
      for (const line of summaryOf(report)) log(line);
      const missing = cases.filter(({ id }) => !report.results.some((result) => result.id === id));
      const ids = missing.map(({ id }) => id);
      if (ids.length > 0) broken('these cases have no result', ids);
    });
  });
}

function withSubject<T extends { readonly close?: () => Promise<void> }>(
  source: Source<T>,
  run: (subject: T) => Promise<Report>,
): Promise<Report> {
  return inTurn(async () => {
    const subject = typeof source === 'function' ? await source() : source;
    try {
      return await run(subject);
    } finally {
      await subject.close?.();
    }
  });
}

const runOptions = ({ only }: TestOptions, onResult: RunOptions['onResult'] & object): RunOptions =>
  only === undefined ? { onResult } : { onResult, only };

/**
 * One test for each case, in a test runner. All cases run together, those that wait for time to pass at once, and each
 * test takes the result of its own. The last test prints how many were asked, and which were not and why.
 *
 * Several stores in one file are tested one after another, since a case counts what keeps the process alive; in files of
 * their own they may be tested at once.
 */
export function testBackend(name: string, source: Source<BackendSubject>, options: TestOptions): void {
  const start: Start = (onResult) =>
    withSubject(source, (subject) => runBackendCases(subject, runOptions(options, onResult)));
  testCases(`the contract of a backend: ${name}`, requireChosen(CASES, options.only), start, options);
}

/** As {@link testBackend}, for a driver. Its cases run one after another. */
export function testDriver(name: string, source: Source<DriverSubject>, options: TestOptions): void {
  const start: Start = (onResult) =>
    withSubject(source, (subject) => runDriverCases(subject, runOptions(options, onResult)));
  testCases(`the contract of a driver: ${name}`, requireChosen(DRIVER_CASES, options.only), start, options);
}
