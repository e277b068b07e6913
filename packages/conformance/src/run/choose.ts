import { invalidRange } from '@autocluster/core/backend';

interface Named {
  readonly id: string;
}

const doesChoose = (wanted: string, { id }: Named): boolean => wanted !== '' && id.startsWith(wanted);

/** The cases whose ids begin with one of the given texts; all without. Throws `INVALID_OPTION` for a text that fits none. */
export function requireChosen<T extends Named>(cases: readonly T[], only: readonly string[] | undefined): readonly T[] {
  if (only === undefined) return cases;
  const stranger = only.find((wanted) => !cases.some((each) => doesChoose(wanted, each)));
  if (stranger !== undefined) throw invalidRange('only', stranger, 'the id of a case, or what ids begin with');
  return cases.filter((each) => only.some((wanted) => doesChoose(wanted, each)));
}

/** Throws `INVALID_OPTION` when the list of known failures names a case that does not exist. */
export function requireKnownIds(cases: readonly Named[], knownFailures: object = {}): void {
  const stranger = Object.keys(knownFailures).find((known) => !cases.some(({ id }) => id === known));
  if (stranger !== undefined) throw invalidRange('knownFailures', stranger, 'the id of a case');
}
