import { systemRuntime } from '@autocluster/core/runtime';
import type { CaseResult } from './result.js';

const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'Broken' ? error.message : (error.stack ?? String(error));
};

type About = Pick<CaseResult, 'id' | 'sentence' | 'rule' | 'protects'>;

const resultOf = ({ id, sentence, rule, protects }: About, rest: Omit<CaseResult, keyof About>): CaseResult => ({
  id,
  sentence,
  rule,
  protects,
  ...rest,
});

/** The result of a case that is not for what is tested. */
export const notAsked = (about: About, because: string): CaseResult =>
  resultOf(about, { status: 'not-asked', because, tookMs: 0 });

/** Asks one case; never rejects. `known`: why it is known to fail. */
export async function verdictOf(
  about: About,
  known: string | undefined,
  ask: () => Promise<void>,
): Promise<CaseResult> {
  const { clock } = systemRuntime;
  const beganMs = clock.monotonicMs();
  const result = (status: CaseResult['status'], because?: string): CaseResult => {
    const tookMs = Math.round(clock.monotonicMs() - beganMs);
    return resultOf(about, { status, tookMs, ...(because === undefined ? {} : { because }) });
  };
  try {
    await ask();
  } catch (error) {
    return known === undefined ? result('failed', textOf(error)) : result('known-failure', known);
  }
  if (known === undefined) return result('passed');
  return result('unexpected-pass', `it is on the list of known failures (${known}) and passes: take it off`);
}
