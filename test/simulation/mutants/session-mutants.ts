import { type Mutant, mutant } from './mutant.ts';

const LOCK = 'packages/core/src/session/lock-keeper.ts';
const ENTRY = 'packages/core/src/session/registration-keeper.ts';
const TIMING = 'packages/core/src/session/lease-timing.ts';
const ACQUIRE = 'packages/core/src/lock/acquire.ts';
const LOCKS = 'packages/core/src/lock/locks.ts';
const BUSY = 'packages/core/src/lock/busy-wait.ts';
const ATTEMPTS = 'packages/core/src/guard/attempts.ts';
const BACKEND = 'packages/core/src/guard/guard-backend.ts';
const WORK = 'packages/core/src/guard/work.ts';
const ANSWER = 'packages/core/src/guard/check-answer.ts';
const VIEW = 'packages/core/src/node/view.ts';

/** Bugs of keepers, locks and guard. */
export const SESSION_MUTANTS: readonly Mutant[] = [
  mutant(
    'deadline-from-reply',
    'the deadline of a lock counts from the answer of its renewal',
    LOCK,
    '    this.#sentAtMs = sentAtMs;\n    this.#armEarlier();',
    '    this.#sentAtMs = runtime.clock.monotonicMs() + 0 * sentAtMs;\n    this.#armEarlier();',
  ),
  mutant(
    'no-deadline',
    'nobody is told when the deadline of a lock has come',
    LOCK,
    '    this.#armDeadline();\n    void this.#renewAlways();',
    '    void this.#renewAlways();',
  ),
  mutant(
    'no-stop-budget',
    'work has no time to stop before others may have the lock',
    TIMING,
    '(Math.min(earliestTakeoverMs, ttlMs) - stopBudgetMs) / WORST_DRIFT',
    'Math.min(earliestTakeoverMs, ttlMs) / WORST_DRIFT',
  ),
  mutant(
    'renewal-proves-lease-only',
    'a renewal that is answered with a loss is taken for a success',
    LOCK,
    "if (outcome.kind !== 'held') {",
    "if (outcome.kind === 'busy') {",
  ),
  mutant(
    'sure-after-pause',
    'assertHeld does not look at the clock',
    LOCK,
    '  readonly assertHeld = (): void => {\n    this.#checkDeadline();',
    '  readonly assertHeld = (): void => {',
  ),
  mutant(
    'sure-after-sleep',
    'assertHeld does not notice that the machine slept',
    LOCK,
    'if (this.#suspension.gainedMs() <= this.#timing.stopBudgetMs / 2) return;',
    "if (this.#phase === 'held') return;",
  ),
  mutant(
    'failure-is-loss',
    'a renewal that failed is taken for a loss',
    LOCK,
    '        this.#failures += 1;',
    "        this.#failures += 1;\n        this.#lose('was not renewed');",
  ),
  mutant(
    'renewal-after-loss',
    'a lock that was lost is renewed on',
    LOCK,
    "    while (this.#phase === 'held') {\n",
    "    while (this.#phase === 'held' || this.#phase === 'lost') {\n      if (this.#phase === 'lost') void this.#options.backend.lock({ ...this.#options.request, held: this.#grant }).catch(() => undefined);\n",
  ),
  mutant(
    'renewal-after-release',
    'a lock is renewed once more after its release',
    LOCK,
    "    if (this.#phase === 'released') return backend.unlock(this.#grant, call);",
    "    if (this.#phase === 'released') {\n      const outcome = await backend.unlock(this.#grant, call);\n      void backend.lock({ ...this.#options.request, held: this.#grant }).catch(() => undefined);\n      return outcome;\n    }",
  ),
  mutant(
    'attempts-of-node',
    'every run of a node counts its attempts from one',
    ACQUIRE,
    'attempt: runtime.uniqueId(), ttlMs };',
    'attempt: `${node}-${((room as { count?: number }).count = ((room as { count?: number }).count ?? 0) + 1)}`, ttlMs };',
  ),
  mutant(
    'entry-never-removed',
    'whoever stops goes on renewing its entry, and does not remove it',
    ENTRY,
    '  withdraw(call?: GuardCall): Promise<boolean> {\n    this.stop();',
    '  withdraw(call?: GuardCall): Promise<boolean> {\n    if (call !== undefined || this.#last) return Promise.resolve(true);\n    this.stop();',
  ),
  mutant(
    'entry-seldom-renewed',
    'an entry is renewed too seldom',
    ENTRY,
    'return Math.max(0, sentAtMs + periodMs - runtime.clock.monotonicMs());',
    'return Math.max(0, sentAtMs + 4 * periodMs - runtime.clock.monotonicMs());',
  ),
  mutant(
    'entry-without-jitter',
    'entries are renewed at fixed times',
    ENTRY,
    '    const periodMs = isSame\n      ? jitteredMs(timing.renewalMs, runtime.random())\n      : timing.renewalMs * (1 - runtime.random() / 2);',
    '    const periodMs = timing.renewalMs;',
  ),
  mutant(
    'entry-after-withdrawal',
    'an entry is renewed after it was withdrawn',
    ENTRY,
    '  withdraw(call?: GuardCall): Promise<boolean> {\n    this.stop();',
    '  withdraw(call?: GuardCall): Promise<boolean> {',
  ),
  mutant(
    'entry-failure-removes',
    'an entry whose renewal failed is removed',
    ENTRY,
    '    this.#failures += 1;\n    return backoffMs',
    '    this.#failures += 1;\n    if (this.#last) void this.#options.backend.unregister(this.#last.registration).catch(() => undefined);\n    return backoffMs',
  ),
  mutant(
    'entry-new-instance',
    'an entry is renewed as another instance',
    ENTRY,
    'instance: held?.instance ?? instance,',
    'instance: held ? `${instance}x` : instance,',
  ),
  mutant(
    'late-grant-used',
    'work begins under a grant whose answer came after its deadline',
    ACQUIRE,
    "if (outcome.kind !== 'held' || holds(outcome.keeper) || (await verified(outcome.keeper, over))) return outcome;",
    'return outcome;',
  ),
  mutant(
    'attempt-not-given-up',
    'what an attempt got that was given up stays',
    ACQUIRE,
    '      void this.#contest.guarded.giveUpLock(this.#request);\n',
    '',
  ),
  mutant(
    'one-attempt-for-all',
    'all acquisitions of a process are one attempt',
    ACQUIRE,
    'instance: room.instance, attempt: runtime.uniqueId(), ttlMs',
    'instance: room.instance, attempt: room.instance, ttlMs',
  ),
  mutant(
    'release-before-work',
    'withLock releases before the work has settled',
    LOCKS,
    '    value = await run(lock);',
    '    const running = run(lock);\n    await lock.close();\n    value = await running;',
  ),
  mutant('no-release', 'withLock does not release', LOCKS, '  await lock.close();\n  return value;', '  return value;'),
  mutant(
    'waits-for-ever',
    'whoever finds a lock busy does not try again',
    BUSY,
    'await pause(this.#runtime, this.#delayMs(busy), wake.signal);',
    'await pause(this.#runtime, 1e9 + this.#delayMs(busy), signal);',
  ),
  mutant(
    'undo-of-delivered',
    'a grant that was delivered is undone like one that was not',
    ATTEMPTS,
    '      attempt.delivered = thing;\n    } else if (this.#isUnwanted',
    '      attempt.delivered = undefined;\n      attempt.undoing.push(this.#kind.undo(thing));\n    } else if (this.#isUnwanted',
  ),
  mutant(
    'error-is-empty',
    'a list that failed is taken for an empty one',
    BACKEND,
    'start: (options) => backend.list(options), check: checkList }).delivered;',
    "start: (options) => backend.list(options), check: checkList }).delivered.catch(() => ({ members: [], record: { kind: 'absent' as const }, complete: true, skipped: [], revision: undefined, store: undefined }));",
  ),
  mutant(
    'incomplete-is-complete',
    'an incomplete list is taken for a complete one',
    ANSWER,
    "complete: booleanOf(asked, fields['complete'], 'complete'),",
    'complete: true,',
  ),
  mutant(
    'release-under-work',
    "the lock above a daemon's work is released at its abort",
    WORK,
    '      cancelTimer();\n      cancelTimer = runtime.after(stopBudgetMs, () => {',
    '      cancelTimer();\n      cancelTimer = runtime.after(0, () => {\n        reject(fromAbort(reason, operation, true));\n      });\n      runtime.after(stopBudgetMs, () => {',
  ),
  mutant(
    'view-never-changes',
    'what a node shows is its first list',
    VIEW,
    '      seen = { list, askedAtMs };',
    '      seen ??= { list, askedAtMs };',
  ),
  mutant(
    'lock-shared-in-process',
    'whoever asks for a lock that its own process holds works under it as well',
    'packages/core/src/node/node-locks.ts',
    '    const started = withLockIn(runtime, backend, name, { owner, ...options, signal: scope.signal }, run);\n',
    '    const shared = ((handles as { of?: Map<string, LockHandle> }).of ??= new Map());\n    const mine = shared.get(name);\n    const own = async (lock: LockHandle) => {\n      shared.set(name, lock);\n      return run(lock).finally(() => shared.delete(name));\n    };\n    const started = mine ? run(mine) : withLockIn(runtime, backend, name, { owner, ...options, signal: scope.signal }, own);\n',
  ),
];
