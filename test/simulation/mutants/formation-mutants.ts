import { type Mutant, mutant } from './mutant.ts';

const UNDER_LOCK = 'packages/core/src/formation/step/under-lock.ts';
const ENTER = 'packages/core/src/formation/step/enter-cluster.ts';
const STEP = 'packages/core/src/formation/step/index.ts';
const WAIT = 'packages/core/src/formation/step/wait.ts';
const SITUATION = 'packages/core/src/formation/situation.ts';
const COMMITTED = 'packages/core/src/formation/decide/committed.ts';
const FORMED = 'packages/core/src/formation/decide/formed.ts';
const UNSURE = 'packages/core/src/formation/decide/unsure.ts';
const BLANK = 'packages/core/src/formation/decide/blank.ts';
const CREATES = 'packages/core/src/formation/decide/who-creates.ts';
const RECORD = 'packages/core/src/backend/cluster-record.ts';
const MEMORY = 'packages/core/src/formation/memory.ts';
const SLEEPER = 'packages/core/src/formation/sleeper.ts';

/** Bugs of formation. */
export const FORMATION_MUTANTS: readonly Mutant[] = [
  mutant(
    'no-second-look',
    'what was decided before the lock is done under it',
    UNDER_LOCK,
    "  if (!sameIntent(phase.intent, decision)) return release(config, machine, { next: 'discover' }, nowMs);\n  const { minted } = phase;\n  switch (decision.kind) {\n    case 'create': {\n      const identity = { clusterId: minted.clusterId, generation: decision.generation };",
    "  const { minted } = phase;\n  if (phase.intent.kind === 'create') {\n    const identity = { clusterId: minted.clusterId, generation: phase.intent.generation };\n    return create(machine, { identity, minted, replaces: situation.record });\n  }\n  if (!sameIntent(phase.intent, decision)) return release(config, machine, { next: 'discover' }, nowMs);\n  switch (decision.kind) {\n    case 'create': {\n      const identity = { clusterId: minted.clusterId, generation: decision.generation };",
  ),
  mutant(
    'no-look-before-commit',
    'nobody looks again between create and commit',
    UNDER_LOCK,
    '  if (!clear || !isThere) return release',
    '  if (!isThere) return release',
  ),
  mutant(
    'commit-of-nothing',
    'a cluster is put on record that the daemon does not have',
    UNDER_LOCK,
    '  if (!clear || !isThere) return release',
    '  if (!clear) return release',
  ),
  mutant(
    'list-against-grant',
    'a list that contradicts the grant is believed',
    UNDER_LOCK,
    'if (granted && !sameVersion(granted, situation.list.record)) {',
    "if (granted && config.self === '') {",
  ),
  mutant(
    'unknown-commit-undone',
    'a commit of unknown outcome is undone',
    STEP,
    "      return release(config, machine, { next: 'discover' }, nowMs);\n    case 'releasing':",
    "      return enterWork({ ...machine, grant: undefined }, { kind: 'resetting', after: { next: 'discover' } }, { verb: 'reset', of: { kind: 'provisional', clusterId: phase.record.clusterId, generation: phase.record.generation } });\n    case 'releasing':",
  ),
  mutant(
    'target-not-asked',
    "a target's own view is not looked at",
    SITUATION,
    "    peer.status === 'up' &&\n    !record.removed.includes(peer.entry.node) &&\n    namesRecord(peer, record);",
    '    !record.removed.includes(peer.entry.node);',
  ),
  mutant(
    'provisional-is-committed',
    'a provisional identity counts as a committed one',
    SITUATION,
    "export const committedIdentity = (local: LocalIdentity): ClusterIdentity | undefined =>\n  local.kind === 'committed' ?",
    "export const committedIdentity = (local: LocalIdentity): ClusterIdentity | undefined =>\n  local.kind === 'committed' || local.kind === 'provisional' ?",
  ),
  mutant('half-is-majority', 'half of the base is a majority', SITUATION, 'count * 2 > base', 'count * 2 >= base'),
  mutant('one-is-majority', 'one member that lacks a node is a majority', SITUATION, 'count * 2 > base', 'count > 0'),
  mutant(
    'own-order',
    'each node has an order of its own for targets',
    SITUATION,
    'const byName = (a: Peer, b: Peer) => compareNodes(a.entry.node, b.entry.node);',
    "const byName = (a: Peer, b: Peer) => compareNodes(a.entry.node, b.entry.node) * (config.self.length > 0 && config.self.at(-1) === '2' ? -1 : 1);",
  ),
  mutant(
    'join-not-verified',
    'a join that resolved is believed',
    ENTER,
    "return confirmedByPeers ? ['verify', 'name', 'publish', 'ready']",
    "return confirmedByPeers ? ['name', 'publish', 'ready']",
  ),
  mutant(
    'ready-too-early',
    'a node is listed as ready before it is in',
    ENTER,
    "{ kind: 'announce', standpoint: { state: 'joining', ...standpoint } },",
    "{ kind: 'announce', standpoint: { state: 'ready', ...standpoint } },",
  ),
  mutant(
    'creator-not-named',
    'a creator is formed without its daemon knowing',
    ENTER,
    ": ['publish', 'verify', 'name', 'ready'];",
    ": ['publish', 'verify', 'ready'];",
  ),
  mutant(
    'joiner-says-creator',
    'a joiner says that it has created',
    ENTER,
    'standing: { identity: identityOf(record), role }',
    "standing: { identity: identityOf(record), role: 'creator' }",
  ),
  mutant(
    'name-taken',
    'a node whose name another one has goes on',
    ENTER,
    "  if (outcome.kind === 'registered') return proceed",
    "  if (outcome.kind !== 'registered' || outcome.registration) return proceed",
  ),
  mutant(
    'formed-yields',
    'a formed node stops because of a foreign record',
    FORMED,
    "  { row: '6', when: (c) => c.formed && foreignRecord(c), outcome: () => ({ kind: 'stay', notice: 'split.seen' }) },",
    "  { row: '6', when: (c) => c.formed && foreignRecord(c), outcome: () => ({ kind: 'demote' }) },",
  ),
  mutant(
    'outage-demotes',
    'a formed node is none any more when the store does not answer',
    UNSURE,
    "      return waitUnlessFormed(formed, wait('store-unreachable', 'the store answers a list', cause));",
    "      return formed ? { kind: 'demote' } : wait('store-unreachable', 'the store answers a list', cause);",
  ),
  mutant(
    'incomplete-decides',
    'an incomplete list decides',
    UNSURE,
    'when: ({ s }) => !s.list.complete,',
    'when: ({ s }) => !s.list.complete && s.list.members.length > 1e6,',
  ),
  mutant(
    'stale-decides',
    'a list of long ago decides',
    UNSURE,
    "listing.kind === 'listed' && nowMs - listing.askedAtMs > propagationMs(config),",
    "listing.kind === 'listed' && nowMs - listing.askedAtMs > 1e9 * propagationMs(config),",
  ),
  mutant(
    'no-freeze',
    'a store that changed or went back is believed at once',
    UNSURE,
    'when: ({ config, memory, observation }) => storeChangedLately(config, memory, observation.nowMs),',
    'when: ({ config, memory, observation }) => storeChangedLately(config, memory, observation.nowMs + 1e9),',
  ),
  mutant(
    'unreadable-is-absent',
    'a record that nobody can read is taken for none',
    UNSURE,
    "when: ({ s }) => s.list.record.kind === 'unreadable',",
    "when: ({ s, formed }) => formed && s.list.record.kind === 'unreadable',",
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
    'same-generation',
    'a cluster that replaces another one has the same generation',
    CREATES,
    'generation: cluster.generation + 1, reset: reset(c) };',
    'generation: cluster.generation, reset: reset(c) };',
  ),
  mutant(
    'always-resumes',
    'a cluster whose members are away is replaced',
    CREATES,
    "    whenNobodyAlive === 'resume' ||",
    '    whenNobodyAlive !== undefined ||',
  ),
  mutant(
    'no-silence-needed',
    'a cluster is replaced without waiting for its members',
    CREATES,
    '  if (!isIdle && silentMs < neededMs) {',
    '  if (!isIdle && silentMs < neededMs - 1e9) {',
  ),
  mutant(
    'never-settles',
    'a first cluster is created although the store has just forgotten one',
    CREATES,
    '  if (neededMs > 0 && settledMs < neededMs) {',
    '  if (neededMs > 1e9 && settledMs < neededMs) {',
  ),
  mutant(
    'identified-unseen',
    'others that are listed with an identity do not count',
    MEMORY,
    'const identified = peers.some((peer) => peer.identity);',
    'const identified = peers.some((peer) => peer.identity && peer.ready);',
  ),
  mutant(
    'version-stays',
    'a record is written with the version that it had',
    RECORD,
    '{ ...record, ...change, token, version: record.version + 1 }',
    '{ ...record, ...change, token, version: record.version }',
  ),
  mutant(
    'token-stays',
    'a record is written with the token of its former version',
    RECORD,
    '{ ...record, ...change, token, version: record.version + 1 }',
    '{ ...record, ...change, version: record.version + 1 }',
  ),
  mutant(
    'extra-dropped',
    'a record is written without the fields of a newer version',
    RECORD,
    '{ ...record, ...change, token, version: record.version + 1 }',
    '{ ...record, ...change, extra: {}, token, version: record.version + 1 }',
  ),
  mutant(
    'hot-loop',
    'a formed node looks again without a pause',
    WAIT,
    '  const afterMs = glanceMs(config);',
    '  const afterMs = Math.min(1, glanceMs(config));',
  ),
  mutant(
    'sleeps-for-ever',
    'whoever waits is not woken by time',
    SLEEPER,
    'cancels.push(runtime.after(afterMs, wake));',
    'cancels.push(runtime.after(afterMs < 900 ? afterMs : 1e9, wake));',
  ),
  mutant(
    'alone-after-failures',
    'a node whose daemon fails again and again runs alone',
    WAIT,
    '  if (leftMs <= 0) {',
    "  if (machine.failures > 2) return rest(machine, { kind: 'standalone', cause: 'FORMATION_TIMEOUT', text: '', lastWait: wait });\n  if (leftMs <= 0) {",
  ),
  mutant(
    'stuck-in-silence',
    'a join that failed is waited for in silence',
    STEP,
    '      return joinFailed(config, machine, phase, failure, nowMs);',
    '      return unchanged(machine);',
  ),
  mutant(
    'outage-destroys',
    'a formed node gives up its membership when the store does not answer',
    UNSURE,
    '    outcome: ({ formed, observation: { listing } }) => {\n',
    "    outcome: ({ formed, observation: { listing } }) => {\n      if (formed) return { kind: 'rejoin' };\n",
  ),
  mutant(
    'another-store-believed',
    'a store that is another one is believed at once',
    MEMORY,
    'if (memory.store !== undefined && store !== undefined && store !== memory.store) return true;',
    '',
  ),
  mutant(
    'joins-without-lock',
    'a node that was removed, or that its target still counts, joins without the lock',
    BLANK,
    'const locked = !config.concurrentJoins || wasRemoved || namesMe(config, target) || unproved || record === undefined;',
    'const locked = !config.concurrentJoins || unproved || record === undefined;',
  ),
  mutant(
    'removed-is-target',
    'a member that was removed is joined',
    SITUATION,
    '    !record.removed.includes(peer.entry.node) &&\n',
    '',
  ),
  mutant(
    'garbage-throws',
    'an entry that is not ours is thrown out of the loop',
    'packages/core/src/node/store-watch.ts',
    '      if (list.skipped.length > 0 && mark !== skippedMark) {',
    "      if (list.skipped.length > 0) throw new TypeError('skipped');\n      if (list.skipped.length > 0 && mark !== skippedMark) {",
  ),
];
