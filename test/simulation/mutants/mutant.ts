import type { Patch } from '../bundle.ts';

/** One bug that somebody could write. */
export interface Mutant {
  readonly id: string;
  readonly bug: string;
  readonly patches: readonly Patch[];
}

/** A bug of one place in one file. */
export const mutant = (id: string, bug: string, file: string, find: string, replace: string): Mutant => ({
  id,
  bug,
  patches: [{ file, find, replace }],
});
