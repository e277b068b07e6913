import type { Capabilities } from '@autocluster/core/backend';
import { orLate, systemRuntime } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { CASES } from '../cases/index.js';
import { NEEDS, unmet } from '../need.js';
import type { BackendSubject } from '../subject.js';
import { requireChosen, requireKnownIds } from './choose.js';
import { askInSpace } from './one.js';
import { type CaseResult, type Report, reportOf } from './result.js';
import { notAsked, verdictOf } from './verdict.js';

/** Cases that run at once, besides those that wait. */
const AT_ONCE = 6;
const CLOSING_MS = 10_000;

export interface RunOptions {
  /** Ids of the cases to ask, or what they begin with: `LOCK-007`, `LOCK`. Default: all. */
  readonly only?: readonly string[];
  readonly onResult?: (result: CaseResult) => void;
}

async function capabilitiesOf(subject: BackendSubject): Promise<Capabilities> {
  const url = subject.wire.kind === 'tcp' ? subject.wire.url : '';
  const backend = subject.client({ cluster: 'kit-manifest', url });
  const { capabilities } = backend;
  // A close() that never settles is told of by cases.
  await orLate(systemRuntime, (async () => backend.close())(), CLOSING_MS);
  return capabilities;
}

function reasonNotAsked(each: Case, capabilities: Capabilities, subject: BackendSubject): string | undefined {
  const missing = unmet(each.needs, capabilities, subject);
  if (missing === undefined) return undefined;
  const { wire } = subject;
  const why = missing === 'wire' && wire.kind === 'none' ? `: ${wire.because}` : '';
  return `asked when ${NEEDS[missing].text}${why}`;
}

/** Runs all, `width` at a time, in order. */
async function several(cases: readonly Case[], width: number, run: (each: Case) => Promise<void>): Promise<void> {
  const open = cases.values();
  const worker = async (): Promise<void> => {
    for (const each of open) await run(each);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/**
 * Asks a store every case that its manifest switches on. A case that fails does not reject: read the report. Run nothing
 * else beside it in the process: a case counts what keeps the process alive.
 *
 * Throws `INVALID_OPTION` when `only` or the list of known failures names a case that does not exist.
 */
export async function runBackendCases(subject: BackendSubject, options: RunOptions = {}): Promise<Report> {
  const { clock } = systemRuntime;
  const beganMs = clock.monotonicMs();
  const chosen = requireChosen(CASES, options.only);
  const { knownFailures = {} } = subject;
  requireKnownIds(CASES, knownFailures);
  const capabilities = await capabilitiesOf(subject);
  const results = new Map<string, CaseResult>();
  const take = (result: CaseResult): void => {
    results.set(result.id, result);
    options.onResult?.(result);
  };
  const asked: Case[] = [];
  for (const each of chosen) {
    const because = reasonNotAsked(each, capabilities, subject);
    if (because === undefined) asked.push(each);
    else take(notAsked(each, because));
  }
  const run = async (each: Case): Promise<void> =>
    take(await verdictOf(each, knownFailures[each.id], () => askInSpace(each, subject)));
  const ofMode = (mode: Case['mode']) => asked.filter((each) => each.mode === mode);
  await several(ofMode('alone'), 1, run);
  await Promise.all([several(ofMode('apart'), asked.length, run), several(ofMode(undefined), AT_ONCE, run)]);
  const inOrder = chosen.flatMap(({ id }) => results.get(id) ?? []);
  return reportOf(subject.name, capabilities, inOrder, Math.round(clock.monotonicMs() - beganMs));
}
