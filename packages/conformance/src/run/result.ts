export type Status =
  | 'passed'
  | 'failed'
  /** Failed, as the subject's list of known failures says. */
  | 'known-failure'
  /** On the list of known failures, and passed: an error until it is taken off. */
  | 'unexpected-pass'
  /** Not for this store. */
  | 'not-asked';

export interface CaseResult {
  readonly id: string;
  readonly sentence: string;
  /** The sentence of the contract that it belongs to. */
  readonly rule: string;
  /** Numbers of the invariants that it protects. */
  readonly protects: readonly string[];
  readonly status: Status;
  /** Why it failed, is known to, or was not asked. */
  readonly because?: string;
  readonly tookMs: number;
}

export interface Report {
  readonly subject: string;
  /** What decided which cases apply: the manifest of a backend, the traits of a driver. */
  readonly claims: object;
  readonly results: readonly CaseResult[];
  readonly counts: Readonly<Record<Status, number>>;
  /** Nothing failed that was not known to, and nothing passed that was known to fail. */
  readonly ok: boolean;
  readonly tookMs: number;
}

export const isError = ({ status }: CaseResult): boolean => status === 'failed' || status === 'unexpected-pass';

export function reportOf(subject: string, claims: object, results: readonly CaseResult[], tookMs: number): Report {
  const counts = { passed: 0, failed: 0, 'known-failure': 0, 'unexpected-pass': 0, 'not-asked': 0 };
  for (const { status } of results) counts[status] += 1;
  return { subject, claims, results, counts, ok: !results.some(isError), tookMs };
}
