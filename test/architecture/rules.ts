import { backendFiles, boundaries } from './boundaries.ts';
import { cycles, deadFiles } from './graph.ts';
import { layers, pureDecisions } from './layers.ts';
import { machineIndependent, topLevel } from './layout.ts';
import { bannedNames } from './names.ts';
import { sizes } from './sizes.ts';
import type { Rule } from './source.ts';
import { strictTypes } from './types.ts';

/** Every rule that the tree obeys, by the name under which its test cases stand in samples/. */
export const rules = {
  layers,
  pureDecisions,
  cycles,
  deadFiles,
  boundaries,
  backendFiles,
  sizes,
  bannedNames,
  strictTypes,
  topLevel,
  machineIndependent,
} satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;
