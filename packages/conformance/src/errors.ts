import { inspect, isDeepStrictEqual } from 'node:util';

/** What was asked of a store or daemon did not come out as its contract says. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** A value for people, on one line unless it is long. */
export const shown = (value: unknown): string =>
  inspect(value, { depth: 6, breakLength: 110, maxStringLength: 200, maxArrayLength: 12 });

export function broken(text: string, facts?: unknown): never {
  throw new Broken(facts === undefined ? text : `${text}\n${shown(facts)}`);
}

/** `expected` completes the sentence: what should be, but is not. */
export function check(condition: boolean, expected: string, facts?: unknown): asserts condition {
  if (!condition) broken(`expected ${expected}`, facts);
}

export function same<T>(actual: unknown, expected: T, what: string): asserts actual is T {
  if (isDeepStrictEqual(actual, expected)) return;
  broken(`${what} is ${shown(actual)}\nexpected ${shown(expected)}`);
}
