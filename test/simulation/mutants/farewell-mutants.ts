import { type Mutant, mutant } from './mutant.ts';

const EXECUTOR = 'packages/core/src/cleanup/executor.ts';
const ENDING = 'packages/core/src/node/ending.ts';
const FACTS = 'packages/core/src/cleanup/plan/facts.ts';
const STOPS = 'packages/core/src/cleanup/plan/stops.ts';

/** Bugs of those who remove others, or leave themselves. */
export const FAREWELL_MUTANTS: readonly Mutant[] = [
  mutant(
    'stuck-removal-released',
    'the lock above a removal that hangs is released by hand',
    EXECUTOR,
    "      if (isClusterError(error, 'WORK_STUCK')) lock.abandon();\n",
    '',
  ),
  mutant(
    'stuck-leave-released',
    'the lock above a leave that hangs is released by hand',
    ENDING,
    "    if (isClusterError(error, 'WORK_STUCK')) lock.abandon();\n    else await lock.release()",
    '    await lock.release()',
  ),
  mutant(
    'stuck-removal-renewed',
    'the lock above a removal that hangs is renewed for ever',
    EXECUTOR,
    "      if (isClusterError(error, 'WORK_STUCK')) lock.abandon();\n      await",
    "      if (isClusterError(error, 'WORK_STUCK')) throw error;\n      await",
  ),
  mutant(
    'leave-readmits-all',
    'who leaves takes the marks of all that were removed',
    'packages/core/src/formation/farewell.ts',
    'const removed = record.removed.filter((node) => node !== parts.self);',
    "const removed = record.removed.filter((node) => node === '' && node !== parts.self);",
  ),
  mutant(
    'leave-counts-twice',
    'who leaves takes two from the size',
    'packages/core/src/formation/farewell.ts',
    'const size = Math.max(0, record.size - 1);',
    'const size = Math.max(0, record.size - 2);',
  ),
  mutant(
    'pause-ignored',
    'a cleanup that is paused removes',
    STOPS,
    "    stop('paused', facts.record.settings[CLEANUP_PAUSED]);",
    "    if (facts.base > 1e6) stop('paused', facts.record.settings[CLEANUP_PAUSED]);",
  ),
  mutant(
    'unread-entry-ignored',
    'a member is removed while an entry that may be its own cannot be understood',
    STOPS,
    '  if (first) return `the entry',
    '  if (first && skipped.length > 1e6) return `the entry',
  ),
  mutant(
    'others-not-heard',
    'only what the own daemon sees run is taken for running',
    FACTS,
    "    if (answer.status !== 'up') continue;\n",
    "    if (answer.status !== 'up' || by !== self) continue;\n",
  ),
];
