import { type Mutant, mutant } from './mutant.ts';

const COMMITTED = 'packages/core/src/formation/decide/committed.ts';
const FORMED = 'packages/core/src/formation/decide/formed.ts';

/** Bugs of nodes whose daemons have a cluster. */
export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  mutant(
    'joins-with-data',
    'a node that was evicted joins with the data of its former membership',
    COMMITTED,
    'function evicted({ config }: Case, text: string): Outcome {\n',
    "function evicted({ config, s: { record, targets } }: Case, text: string): Outcome {\n  const [target] = targets;\n  if (config.onEvicted === 'rejoin' && target && record) return { kind: 'join', target: target.entry, record, locked: true, reset: false };\n",
  ),
  mutant(
    'formed-yields',
    'a formed node stops because of a foreign record',
    FORMED,
    "  { row: '6', when: (c) => c.formed && foreignRecord(c), outcome: () => ({ kind: 'stay', notice: 'split.seen' }) },",
    "  { row: '6', when: (c) => c.formed && foreignRecord(c), outcome: () => ({ kind: 'demote' }) },",
  ),
  mutant(
    'never-restored',
    'a record that is lost is never put back',
    COMMITTED,
    "  return heldFor(c, 'unrecorded') >= config.renewalMs * (1 + 2 * before.length);",
    "  return heldFor(c, 'unrecorded') >= 1e9 * config.renewalMs * (1 + 2 * before.length);",
  ),
  mutant(
    'evicted-too-soon',
    'data are destroyed because of a cluster of equal generation',
    COMMITTED,
    "      if (config.data === 'none') return { kind: 'rejoin' };",
    "      if (config.data !== undefined) return { kind: 'rejoin' };",
  ),
  mutant(
    'member-gives-up',
    'the limit of the start also ends a node that was formed',
    'packages/core/src/formation/step/wait.ts',
    "if (machine.hasFormed || config.formationTimeoutMs === 'unlimited')",
    "if (config.formationTimeoutMs === 'unlimited')",
  ),
  mutant(
    'one-lack-demotes',
    'a formed node gives up its place when one member does not count it',
    FORMED,
    "    when: (c) => c.formed && recordAgrees(c) && lackedByMajority(c),\n    outcome: () => ({ kind: 'demote' }),",
    "    when: (c) => c.formed && recordAgrees(c) && (lackedByMajority(c) || c.s.peers.some((peer) => c.s.record && namesRecord(peer, c.s.record) && !namesMe(c.config, peer))),\n    outcome: () => ({ kind: 'demote' }),",
  ),
  mutant(
    'counted-joins-freely',
    'a node that its target still counts joins without the lock',
    'packages/core/src/formation/decide/blank.ts',
    'wasRemoved || namesMe(config, target) || unproved',
    'wasRemoved || unproved',
  ),
  {
    id: 'marks-hidden',
    bug: 'a member that was removed is joined, by a record from which the mark was left out',
    patches: [
      {
        file: 'packages/core/src/formation/situation.ts',
        find: '    !record.removed.includes(peer.entry.node) &&\n',
        replace: '',
      },
      {
        file: 'packages/core/src/formation/decide/blank.ts',
        find: "  return { kind: 'join', target: target.entry, record, locked,",
        replace: "  return { kind: 'join', target: target.entry, record: record && { ...record, removed: [] }, locked,",
      },
    ],
  },
  {
    id: 'report-without-record',
    bug: 'a report of health does not compare the daemon with the record',
    patches: [
      {
        file: 'packages/core/src/health/report.ts',
        find: '  if (!mine || !sameIdentity(mine, stored)) {',
        replace: '  if (!mine) {',
      },
      {
        file: 'packages/core/src/health/report.ts',
        find: '  if (standing && !sameIdentity(standing, stored))\n',
        replace: '  if (standing && !mine)\n',
      },
      {
        file: 'packages/core/src/health/report.ts',
        find: '  if (rival?.identity) return failing(',
        replace: '  if (rival?.identity && !mine) return failing(',
      },
    ],
  },
  mutant(
    'lost-disk-offered',
    'a formed node whose daemon has lost its disk stays as it is while the store does not answer',
    'packages/core/src/formation/decide/unsure.ts',
    'when: ({ formed, observation }) => formed && isDisowned(observation),',
    "when: ({ formed, observation }) => formed && observation.listing.kind === 'listed' && isDisowned(observation),",
  ),
];
