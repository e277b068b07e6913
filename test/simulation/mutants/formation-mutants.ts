import { type Mutant, mutant } from './mutant.ts';

const UNDER_LOCK = 'packages/core/src/formation/step/under-lock.ts';
const ENTER = 'packages/core/src/formation/step/enter-cluster.ts';
const STEP = 'packages/core/src/formation/step/index.ts';
const WAIT = 'packages/core/src/formation/step/wait.ts';
const SITUATION = 'packages/core/src/formation/situation.ts';
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
    "  if (!clear) return release(config, machine, { next: 'discover' }, nowMs);\n",
    '',
  ),
  mutant(
    'commit-on-old-list',
    'what was created is put on record on a list of long ago',
    UNDER_LOCK,
    'isUnsure({ config, observation, memory',
    "isUnsure({ config, observation: observation.listing.kind === 'listed' ? { ...observation, nowMs: observation.listing.askedAtMs } : observation, memory",
  ),
  mutant(
    'commit-of-nothing',
    'a cluster is put on record that the daemon does not have',
    UNDER_LOCK,
    '  if (!isThere) return inVain(config, machine, daemonFailed(NOT_CREATED), nowMs);\n',
    '',
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
    "      return inVain(config, machine, storeUnreachable(failure), nowMs);\n    case 'releasing':",
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
    'isOld(config, askedAtMsOf(observation), observation.nowMs),',
    'isOld(config, askedAtMsOf(observation), observation.nowMs) && observation.nowMs < 0,',
  ),
  mutant(
    'unreadable-is-absent',
    'a record that nobody can read is taken for none',
    UNSURE,
    "when: ({ s }) => s.list.record.kind === 'unreadable',",
    "when: ({ s, formed }) => formed && s.list.record.kind === 'unreadable',",
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
    'const identified = peers.some((peer) => peer.identity !== undefined || isUnheard(config, peer));',
    'const identified = peers.some((peer) => (peer.identity && peer.ready) || isUnheard(config, peer));',
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
    '  const afterMs = Math.min(glanceMs(config), ',
    '  const afterMs = Math.min(1, ',
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
