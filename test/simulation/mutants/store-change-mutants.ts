import { type Mutant, mutant } from './mutant.ts';

const UNSURE = 'packages/core/src/formation/decide/unsure.ts';
const MEMORY = 'packages/core/src/formation/memory.ts';

/** Bugs of what a node makes of a store that is away, went back, or is another one. */
export const STORE_CHANGE_MUTANTS: readonly Mutant[] = [
  mutant(
    'no-freeze',
    'a store that changed or went back is believed at once',
    UNSURE,
    'when: ({ config, memory, observation }) => storeChangedLately(config, memory, observation.nowMs),',
    'when: ({ config, memory, observation }) => storeChangedLately(config, memory, observation.nowMs + 1e9),',
  ),
  mutant(
    'outage-demotes',
    'a formed node is none any more when the store does not answer',
    UNSURE,
    "      return waitUnlessFormed(formed, wait('store-unreachable', 'the store answers a list', cause));",
    "      return formed ? { kind: 'demote' } : wait('store-unreachable', 'the store answers a list', cause);",
  ),
  mutant(
    'outage-destroys',
    'a formed node gives up its membership when the store does not answer',
    UNSURE,
    '    outcome: ({ formed, observation: { listing } }) => {\n',
    "    outcome: ({ formed, observation: { listing } }) => {\n      if (formed) return { kind: 'rejoin' };\n",
  ),
  mutant(
    'outage-resets',
    'a node that is not formed gives up its membership when the store does not answer',
    UNSURE,
    '    outcome: ({ formed, observation: { listing } }) => {\n',
    "    outcome: ({ formed, observation: { listing, own } }) => {\n      if (!formed && own.kind === 'known' && own.membership.identity.kind === 'committed') return { kind: 'rejoin' };\n",
  ),
  mutant(
    'another-store-believed',
    'a store that is another one is believed at once',
    MEMORY,
    'if (memory.store !== undefined && store !== undefined && store !== memory.store) return true;',
    '',
  ),
  mutant(
    'gone-back-believed',
    'a store that has gone back is believed at once',
    MEMORY,
    'return memory.revision !== undefined && revision !== undefined && revision < memory.revision;',
    'return false;',
  ),
  mutant(
    'other-store-at-once',
    'whoever sees another store goes on as if its entries had come along',
    MEMORY,
    'storeChangedAtMs: changed ? observation.nowMs : memory.storeChangedAtMs,',
    'storeChangedAtMs: changed && list.store === memory.store ? observation.nowMs : memory.storeChangedAtMs,',
  ),
];
