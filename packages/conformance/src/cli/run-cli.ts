import { orAborted } from '@autocluster/core/runtime';
import { CASES } from '../cases/index.js';
import { DRIVER_CASES } from '../driver/cases/index.js';
import { runDriverCases } from '../driver/run.js';
import { shown } from '../errors.js';
import { NEEDS } from '../need.js';
import { lineOf, summaryOf } from '../run/format.js';
import type { CaseResult } from '../run/result.js';
import { runBackendCases, type RunOptions } from '../run/run.js';
import { type Arguments, readArguments, USAGE } from './arguments.js';
import { type AnySubject, isDriverSubject, loadSubject } from './load.js';

export interface Output {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** Ends what is under way; the subject is closed all the same. */
  readonly signal: AbortSignal;
}

const asJson = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? each.toString() : each), 2);

function list({ out }: Output, json: boolean): void {
  const backend = CASES.map(({ id, sentence, rule, protects, needs }) => {
    return { id, sentence, rule, protects, needs: needs.map((each) => NEEDS[each].text) };
  });
  const driver = DRIVER_CASES.map(({ id, sentence, protects, needs }) => ({ id, sentence, protects, needs }));
  if (json) return out(asJson({ backend, driver }));
  for (const { id, sentence, needs } of [...backend, ...driver]) {
    out(`${id} ${sentence}${needs.length > 0 ? ` [${needs.join('; ')}]` : ''}`);
  }
}

/** Settles with the work, or rejects at the signal with its reason. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  await orAborted(work, signal);
  signal.throwIfAborted();
  return work;
}

async function askSubject(subject: AnySubject, { only, json }: Arguments, { out, err }: Output): Promise<number> {
  const tell = json ? err : out;
  const onResult = (result: CaseResult): void => {
    if (result.status !== 'not-asked') tell(lineOf(result));
  };
  const options: RunOptions = { onResult, ...(only ? { only } : {}) };
  const report = await (isDriverSubject(subject)
    ? runDriverCases(subject, options)
    : runBackendCases(subject, options));
  tell('');
  for (const line of summaryOf(report)) tell(line);
  if (json) out(asJson(report));
  return report.ok ? 0 : 1;
}

async function ask(file: string, read: Arguments, output: Output): Promise<number> {
  const { signal } = output;
  const subject = await unlessAborted(loadSubject(file), signal);
  try {
    return await unlessAborted(askSubject(subject, read, output), signal);
  } finally {
    await subject.close?.();
  }
}

/** Runs the command line; answers the exit code. */
export async function runCli(args: readonly string[], output: Output): Promise<number> {
  try {
    const read = readArguments(args);
    if (read.help) output.out(USAGE);
    else if (read.list) list(output, read.json);
    else if (read.file !== undefined) return await ask(read.file, read, output);
    else {
      output.err(`which file?\n\n${USAGE}`);
      return 2;
    }
    return 0;
  } catch (error) {
    output.err(error instanceof Error ? (error.stack ?? error.message) : shown(error));
    return 2;
  }
}
