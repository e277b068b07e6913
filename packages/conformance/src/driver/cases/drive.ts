import type { DriverCase, DriverNeed } from '../case.js';

type About = Pick<DriverCase, 'sentence' | 'protects'> & { readonly needs?: readonly DriverNeed[] };

export const drive = (id: string, { needs = [], ...about }: About, ask: DriverCase['ask']): DriverCase => ({
  id,
  ...about,
  needs,
  ask,
});
