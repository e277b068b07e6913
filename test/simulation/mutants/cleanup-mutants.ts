import { type Mutant, mutant } from './mutant.ts';

const CANDIDATES = 'packages/core/src/cleanup/plan/candidates.ts';
const FACTS = 'packages/core/src/cleanup/plan/facts.ts';
const HOLDS = 'packages/core/src/cleanup/plan/holds.ts';
const STOPS = 'packages/core/src/cleanup/plan/stops.ts';
const PLAN = 'packages/core/src/cleanup/plan/index.ts';
const EXECUTOR = 'packages/core/src/cleanup/executor.ts';
const MEMORY = 'packages/core/src/cleanup/memory.ts';
const OBSERVE = 'packages/core/src/cleanup/observe.ts';
const SCHEDULER = 'packages/core/src/cleanup/scheduler.ts';
const FORMED = 'packages/core/src/formation/decide/formed.ts';
const UNSURE = 'packages/core/src/formation/decide/unsure.ts';
const HEALTH = 'packages/core/src/health/report.ts';

/** Bugs of cleanup and health. */
export const CLEANUP_MUTANTS: readonly Mutant[] = [
  mutant(
    'no-grace',
    'a member is removed however short it was away',
    CANDIDATES,
    '(absence?.forMs ?? 0) < policy.graceMs ||',
    '(absence?.forMs ?? 0) < 0 * policy.graceMs ||',
  ),
  // Whoever is seen to run is neither a candidate nor away.
  {
    id: 'seen-running-ignored',
    bug: 'a member is removed that others see run',
    patches: [
      {
        file: CANDIDATES,
        find: 'if (runningBy.length > 0) held.push(',
        replace: 'if (runningBy.length > 1e6) held.push(',
      },
      { file: MEMORY, find: '    if (seenRunningBy.has(node)) continue;\n', replace: '' },
    ],
  },
  mutant(
    'joining-is-missing',
    'members that are listed as joining are taken for missing',
    FACTS,
    '.filter((node) => !listed.has(node)).sort(compareNodes)',
    ".filter((node) => listed.get(node)?.state !== 'ready').sort(compareNodes)",
  ),
  // Where more than half are not listed, no majority answers either: each of the two brakes holds what the other lets go.
  {
    id: 'shrunk-list-believed',
    bug: 'however many are not listed, they are taken for gone',
    patches: [
      {
        file: HOLDS,
        find: 'if (lost.length > policy.listShrinkRatioMax * base) {',
        replace: 'if (lost.length > 1e9 * policy.listShrinkRatioMax * base) {',
      },
      { file: HOLDS, find: 'if (live * 2 <= base) {', replace: 'if (live * 2 <= 0 * base) {' },
    ],
  },
  mutant('minority-removes', 'a minority removes', HOLDS, 'if (live * 2 <= base) {', 'if (live * 2 <= 0 * base) {'),
  {
    id: 'last-one-removed',
    bug: 'however few members would be left, they are removed',
    patches: [
      {
        file: HOLDS,
        find: 'if (members - ripe < policy.membersMin && ripe > 0) {',
        replace: 'if (members - ripe < policy.membersMin - 1e9 && ripe > 0) {',
      },
      {
        file: HOLDS,
        find: 'if (lost.length > policy.listShrinkRatioMax * base) {',
        replace: 'if (lost.length > 1e9 * policy.listShrinkRatioMax * base) {',
      },
      { file: HOLDS, find: 'if (live * 2 <= base) {', replace: 'if (live * 2 <= 0 * base) {' },
    ],
  },
  mutant(
    'all-at-once',
    'one tick removes all that are ripe',
    PLAN,
    'removes: isFree ? ripe.slice(0, policy.removalsPerTickMax) : [],',
    'removes: isFree ? ripe : [],',
  ),
  mutant(
    'report-removes',
    'whoever shall only report removes',
    HOLDS,
    "if (policy.mode !== 'remove') holds.push(",
    "if (policy.mode === 'off') holds.push(",
  ),
  mutant(
    'half-a-list-believed',
    'whoever is not in an incomplete list is taken for missing',
    STOPS,
    "if (!complete) return 'the list says that entries may be missing';",
    "if (!complete && skipped.length > 1e6) return 'the list says that entries may be missing';",
  ),
  mutant(
    'unlisted-executor',
    'whoever is not listed itself removes others',
    STOPS,
    "    if (!mine) stop('self-unlisted', `${look.self} is not listed`);\n    else if (mine.instance",
    '    if (mine && mine.instance',
  ),
  mutant(
    'other-store-believed',
    'a store that changed or went back stops no clock',
    STOPS,
    'look.nowMs - storeChangedAtMs < policy.graceMs) {',
    'look.nowMs - storeChangedAtMs < 0 * policy.graceMs) {',
  ),
  mutant(
    'clocks-go-on',
    'what was proved before a brake stopped the clocks counts on',
    MEMORY,
    '  return { ...memory, seenAtMs: undefined, absences: FRESH_MEMORY.absences };',
    '  return memory;',
  ),
  mutant(
    'listed-for-granted',
    'under the lock an executor takes it for granted that it is listed',
    EXECUTOR,
    '    const now = plan(policy, { ...look, memory: remember(policy, memory(), look) });\n',
    "    const { listing: told } = look;\n    const isLacking = told.kind === 'listed' && !told.list.members.some((each) => each.node === look.self);\n    const me = { node: look.self, instance: look.instance, state: 'ready', metadata: {} } as never;\n    const sure = isLacking ? { ...look, listing: { ...told, list: { ...told.list, members: [...told.list.members, me] } } } : look;\n    const now = plan(policy, { ...sure, memory: remember(policy, memory(), sure) });\n",
  ),
  mutant(
    'brakes-looked-at-once',
    'what came in between is not looked at again under the lock',
    EXECUTOR,
    '    if (against) throw new Refusal(against);\n',
    '',
  ),
  mutant(
    'report-waits-for-store',
    'a report of health waits until the store answers',
    'packages/core/src/health/observe.ts',
    '  const listing = await askList(backend, clock, { signal });\n',
    "  const listing = await askList(backend, clock, { signal });\n  if (listing.kind === 'failed') await new Promise(() => undefined);\n",
  ),
  {
    id: 'return-forgotten',
    bug: 'an absence goes on over a return',
    patches: [
      {
        file: MEMORY,
        find: '  const absences = new Map<NodeId, Absence>();',
        replace: '  const absences = new Map<NodeId, Absence>(before.absences);',
      },
      {
        file: MEMORY,
        find: '    if (absence && absence.sinceMs <= listing.askedAtMs) absences.delete(node);\n',
        replace: '',
      },
    ],
  },
  {
    id: 'forgets-unmarked',
    bug: 'a member is forgotten before the record names it as removed',
    patches: [
      { file: EXECUTOR, find: '      await this.#underLock((lock) => this.#mark(lock));\n', replace: '' },
      {
        file: EXECUTOR,
        find: "    if (!record.removed.includes(node)) refuse('readmitted', `${node} is not marked any more`);\n",
        replace: '',
      },
    ],
  },
  mutant(
    'forgets-without-token',
    'a removal does not name the token of its lock',
    EXECUTOR,
    'await driver.forget({ node, instance, token: lock.grant.token }, call);',
    'await driver.forget({ node, instance, token: 0n * lock.grant.token }, call);',
  ),
  mutant(
    'forgets-another-run',
    'a removal names another instance than the one that was last listed',
    EXECUTOR,
    '    const instance = memory().instances.get(node);',
    '    const instance = `${memory().instances.get(node)}x`;',
  ),
  {
    id: 'goes-on-without-lock',
    bug: 'whoever has lost the lock of the executor goes on removing',
    patches: [
      { file: EXECUTOR, find: "    await this.#verify(cleanupLock, 'cleanup');\n", replace: '' },
      { file: EXECUTOR, find: '    cleanupLock.assertHeld();\n', replace: '' },
      { file: EXECUTOR, find: 'lock.signal, cleanupLock.signal]);', replace: 'lock.signal]);' },
      { file: EXECUTOR, find: 'hasLock: !cleanupLock.signal.aborted,', replace: 'hasLock: true,' },
      {
        file: SCHEDULER,
        find: 'const scope = anySignal([this.#stopping.signal, lock.signal]);',
        replace: 'const scope = anySignal([this.#stopping.signal, lock.signal].slice(0, 1));',
      },
    ],
  },
  mutant(
    'released-before-forget',
    'a member is forgotten after the formation lock was released',
    EXECUTOR,
    '    this.#asked = true;\n',
    '    this.#asked = true;\n    await letGo(lock);\n',
  ),
  {
    id: 'old-list-believed',
    bug: 'a removal rests on a list that is older than its lock',
    patches: [
      {
        file: OBSERVE,
        find: '  const listing = isNeeded ? await askList(backend, clock, { signal }, onListing) : before;',
        replace: '  const listing = before;',
      },
      {
        file: EXECUTOR,
        find: 'if (tokenIsRevision === true && revision !== undefined && revision < lock.grant.token) {',
        replace: 'if (tokenIsRevision === true && revision !== undefined && revision < 0n * lock.grant.token) {',
      },
    ],
  },
  mutant(
    'size-lowered',
    'a removal lowers the base of every majority',
    EXECUTOR,
    '{ removed: [...record.removed, node] });',
    '{ removed: [...record.removed, node], size: record.size - 1 });',
  ),
  mutant(
    'size-never-raised',
    'growth does not raise the base of every majority',
    FORMED,
    "outcome: () => ({ kind: 'write', change: 'resize' }),",
    "outcome: () => ({ kind: 'stay' }),",
  ),
  mutant(
    'held-for-no-reason',
    'what held a plan is not counted',
    SCHEDULER,
    'const heldBy = [...new Set([...brakesOf(made), ...refused])];',
    'const heldBy = [...new Set(refused)];',
  ),
  {
    id: 'down-stays-ready',
    bug: 'a member whose daemon is down is offered to others for ever',
    patches: [
      {
        file: FORMED,
        find: "heldFor(c, 'down') >= c.config.ttlMs,",
        replace: "heldFor(c, 'down') >= 1e9 * c.config.ttlMs,",
      },
      {
        file: UNSURE,
        find: "heldFor(c, 'down') >= c.config.ttlMs,",
        replace: "heldFor(c, 'down') >= 1e9 * c.config.ttlMs,",
      },
    ],
  },
  mutant(
    'always-well',
    'a node says that it is well whatever its checks say',
    HEALTH,
    "return { status: worst ?? 'ok', cluster,",
    "return { status: worst === 'pending' ? worst : 'ok', cluster,",
  ),
  mutant(
    'never-well',
    'a node whose daemon is up and ready says that it is not',
    HEALTH,
    "if (status === 'up' && ready) return ok(",
    "if (status === 'up' && ready && detail === '?') return ok(",
  ),
];
