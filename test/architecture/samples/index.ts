import type { RuleName } from '../rules.ts';
import * as imports from './imports.ts';
import type { Sample } from './sample.ts';
import * as text from './text.ts';

export const samples: Readonly<Record<RuleName, readonly Sample[]>> = { ...imports, ...text };
