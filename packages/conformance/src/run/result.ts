import type { Capabilities } from '@autocluster/core/backend';
import type { Case } from '../case.js';

export type Status =
  | 'passed'
  | 'failed'
  /** Failed, as the subject's list of known failures says. */
  | 'known-failure'
  /** On the list of known failures, and passed: an error until it is taken off. */
  | 'unexpected-pass'
  /** Not for this store. */
  | 'not-asked';

export interface CaseResult extends Pick<Case, 'id' | 'sentence' | 'rule' | 'protects'> {
  readonly status: Status;
  /** Why it failed, is known to, or was not asked. */
  readonly because?: string;
  readonly tookMs: number;
}

export interface Report {
  readonly subject: string;
  readonly capabilities: Capabilities;
  readonly results: readonly CaseResult[];
  readonly counts: Readonly<Record<Status, number>>;
  /** Nothing failed that was not known to, and nothing passed that was known to fail. */
  readonly ok: boolean;
  readonly tookMs: number;
}

export const isError = ({ status }: CaseResult): boolean => status === 'failed' || status === 'unexpected-pass';

export function reportOf(
  subject: string,
  capabilities: Capabilities,
  results: readonly CaseResult[],
  tookMs: number,
): Report {
  const counts = { passed: 0, failed: 0, 'known-failure': 0, 'unexpected-pass': 0, 'not-asked': 0 };
  for (const { status } of results) counts[status] += 1;
  return { subject, capabilities, results, counts, ok: !results.some(isError), tookMs };
}
