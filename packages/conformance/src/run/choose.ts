import { invalidRange } from '@autocluster/core/backend';

interface Named {
  readonly id: string;
}

/** The cases whose ids begin with one of the given texts; all without. Throws `INVALID_OPTION` for a text that fits none. */
export function requireChosen<T extends Named>(
  cases: readonly T[],
  only: readonly string[] | undefined,
  option = 'only',
): readonly T[] {
  if (only === undefined) return cases;
  const stranger = only.find((wanted) => !cases.some(({ id }) => id.startsWith(wanted)));
  if (stranger !== undefined) throw invalidRange(option, stranger, 'the id of a case, or what ids begin with');
  return cases.filter(({ id }) => only.some((wanted) => id.startsWith(wanted)));
}
