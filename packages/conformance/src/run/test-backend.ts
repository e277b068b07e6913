import { broken } from '../errors.js';
import type { BackendSubject } from '../subject.js';
import { summaryOf } from './format.js';
import { type CaseResult, isError, type Report } from './result.js';
import { chosenCases, runBackendCases } from './run.js';

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

/** Results by id as they come; all are asked with the first. */
class Results {
  readonly #start: (onResult: (result: CaseResult) => void) => Promise<Report>;
  readonly #known = new Map<string, CaseResult>();
  readonly #waiting = new Map<string, (result: CaseResult) => void>();
  #report: Promise<Report> | undefined;

  constructor(start: (onResult: (result: CaseResult) => void) => Promise<Report>) {
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

/** What is tested; a function makes it before the first case, e.g. when a server must be started. */
export type SubjectSource = BackendSubject | (() => BackendSubject | Promise<BackendSubject>);

/**
 * One test for each case, in a test runner. All cases run together, those that wait for time to pass at once, and each
 * test takes the result of its own. The last test prints how many were asked, and which were not and why.
 */
export function testBackend(name: string, source: SubjectSource, options: TestOptions): void {
  const { describe, test, only, timeoutMs = 600_000, log = console.log } = options;
  const timeout = { timeout: timeoutMs };
  const results = new Results(async (onResult) => {
    const subject = typeof source === 'function' ? await source() : source;
    try {
      return await runBackendCases(subject, { onResult, ...(only ? { only } : {}) });
    } finally {
      await subject.close?.();
    }
  });
  describe(`the contract of a backend: ${name}`, () => {
    for (const each of chosenCases(only)) {
      test(titleOf(each), timeout, async () => {
        const result = await results.of(each.id);
        if (isError(result)) broken(`${titleOf(result)}\n${result.because}`);
      });
    }
    test('every case has a result', timeout, async () => {
      const report = await results.report();
      for (const line of summaryOf(report)) log(line);
      const missing = chosenCases(only).filter(({ id }) => !report.results.some((result) => result.id === id));
      if (missing.length > 0) {
        broken(
          'these cases have no result',
          missing.map(({ id }) => id),
        );
      }
    });
  });
}
