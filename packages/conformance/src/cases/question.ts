import type { Case } from '../case.js';
import type { Need } from '../need.js';

type About = Omit<Case, 'id' | 'ask' | 'needs'> & { readonly needs?: readonly Need[] };

/** A case, in the order in which it is read. */
export const question = (id: string, { needs = [], ...about }: About, ask: Case['ask']): Case => ({
  id,
  ...about,
  needs,
  ask,
});
