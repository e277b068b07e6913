import { orLate, systemRuntime } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { broken } from '../errors.js';
import { openSpace } from '../space/space.js';
import type { BackendSubject } from '../subject.js';
import type { CaseResult } from './result.js';

/** No case takes that long, the slowest store included, unless it hangs. */
const CASE_LIMIT_MS = 240_000;

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.name === 'Broken' ? error.message : (error.stack ?? String(error))) : String(error);

async function inSpace(each: Case, subject: BackendSubject): Promise<void> {
  const space = await openSpace(subject, `kit-${systemRuntime.uniqueId().slice(0, 13)}`);
  try {
    const asked = each.ask(space);
    let settled = false;
    const seen = asked.then(
      () => void (settled = true),
      () => void (settled = true),
    );
    await orLate(systemRuntime, seen, CASE_LIMIT_MS);
    if (!settled) broken(`the case has not ended after ${CASE_LIMIT_MS / 1000} s`);
    await asked;
  } finally {
    await space.close();
  }
}

/** Asks one case; never rejects. */
export async function askCase(each: Case, subject: BackendSubject): Promise<CaseResult> {
  const { id, sentence, rule, protects } = each;
  const { clock } = systemRuntime;
  const beganMs = clock.monotonicMs();
  const result = (status: CaseResult['status'], because?: string): CaseResult => {
    const tookMs = Math.round(clock.monotonicMs() - beganMs);
    return { id, sentence, rule, protects, status, tookMs, ...(because === undefined ? {} : { because }) };
  };
  const known = subject.knownFailures?.[id];
  try {
    await inSpace(each, subject);
  } catch (error) {
    return known === undefined ? result('failed', textOf(error)) : result('known-failure', known);
  }
  if (known === undefined) return result('passed');
  return result('unexpected-pass', `it is on the list of known failures (${known}) and passes: take it off`);
}
