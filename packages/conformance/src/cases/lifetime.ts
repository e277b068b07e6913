import { systemRuntime } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, busy, entryOf, held, names, recordOf, registered, released, unique } from '../space/request.js';
import { boundMs, keepAlive, LATE_MS } from './lease-time.js';
import { question } from './question.js';

/** Kinds of things that keep a process alive, and how many there are of each. */
function alive(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Kinds of which there are more than before. */
const added = (before: ReadonlyMap<string, number>): string[] =>
  [...alive()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) => kind);

export const LIFETIME_CASES: readonly Case[] = [
  question(
    'BIND-009',
    {
      rule: 'binding.exit',
      protects: ['V7'],
      mode: 'alone',
      sentence: 'A closed backend keeps the process alive no longer, used or not.',
    },
    async ({ subject, capabilities, longTtlMs, sleep }) => {
      const url = subject.wire.kind === 'tcp' ? subject.wire.url : '';
      // The timers of this case itself are set in this turn.
      await sleep(0);
      const before = alive();
      await subject.client({ cluster: `unused-${unique()}`, url }).close();
      const used = subject.client({ cluster: `used-${unique()}`, url });
      const options = { signal: new AbortController().signal, timeoutMs: 5000, clock: systemRuntime.clock };
      await used.list(options);
      if (capabilities.registration === 'explicit') await used.register(entryOf('a', longTtlMs), options);
      if (capabilities.lock !== 'none') await used.lock(attemptOf('a', longTtlMs), options);
      const watch = capabilities.watch ? used.watch?.(options) : undefined;
      void watch?.[Symbol.asyncIterator]()
        .next()
        .catch(() => undefined);
      await used.close();
      for (let round = 0; round < 100 && added(before).length > 0; round += 1) await sleep(50);
      same(added(before), [], 'what is still there 5 s after close()');
    },
  ),
  question(
    'EXPIRE-007',
    {
      rule: 'lock.leases',
      protects: ['L9', 'R5'],
      needs: ['explicit', 'lock', 'ttl'],
      mode: 'apart',
      sentence: 'While only the entry is renewed, the lock of the same instance ends; the entry lives on.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, longTtlMs } = space;
      const entry = entryOf('a', asked);
      const grant = await held(one, attemptOf('a', asked, { instance: entry.instance }));
      let registration = await registered(one, entry);
      const next = attemptOf('b', longTtlMs);
      let taken = false;
      const latestMs = boundMs(space.capabilities.takeover.latest, grant.ttlMs) + LATE_MS;
      await keepAlive(space, grant.ttlMs, Math.ceil((3 * latestMs) / grant.ttlMs), {
        async renew() {
          registration = await registered(one, { ...entry, held: registration });
        },
        async look() {
          // Some stores count from when a contender saw the lock first.
          taken ||= (await two.lock(next)).kind === 'held';
          same(await names(two), ['a'], 'what is listed');
        },
      });
      check(taken, 'another to have got the lock');
    },
  ),
  question(
    'EXPIRE-008',
    {
      rule: 'lock.leases',
      protects: ['R5', 'L4'],
      needs: ['explicit', 'lock', 'ttl'],
      mode: 'apart',
      sentence: 'While only the lock is renewed, the entry of the same instance ends; the lock lives on.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, longTtlMs } = space;
      const { instance, ttlMs = asked } = await registered(one, entryOf('a', asked));
      const attempt = attemptOf('a', asked, { instance });
      let grant = await held(one, attempt);
      let listed: readonly string[] = ['a'];
      const latestMs = boundMs(space.capabilities.takeover.latest, ttlMs) + LATE_MS;
      await keepAlive(space, grant.ttlMs, Math.ceil((3 * latestMs) / grant.ttlMs), {
        async renew() {
          grant = await held(one, { ...attempt, held: grant });
        },
        async look() {
          await busy(two, attemptOf('b', longTtlMs));
          // Some stores count from when a list showed the entry first, for as long as others follow without a gap.
          listed = await names(two);
        },
      });
      same(listed, [], 'what is listed');
    },
  ),
  question(
    'LOCK-015',
    {
      rule: 'lock.leases',
      protects: ['L9', 'R2'],
      needs: ['explicit', 'lock'],
      sentence: 'unregister leaves the locks of its instance; unlock leaves its entry.',
    },
    async ({ one, two, longTtlMs }) => {
      const entry = await registered(one, entryOf('a', longTtlMs));
      const grant = await held(one, attemptOf('a', longTtlMs, { instance: entry.instance }));
      const other = await held(one, attemptOf('a', longTtlMs, { instance: entry.instance, name: 'job' }));
      await released(one, other);
      same(await names(two), ['a'], 'what is listed after unlock');
      await busy(two, attemptOf('b', longTtlMs));
      await one.unregister(entry);
      await busy(two, attemptOf('b', longTtlMs));
      await released(one, grant);
    },
  ),
  question(
    'EXPIRE-009',
    {
      rule: 'unlock.commit',
      protects: ['F1', 'F7'],
      needs: ['lock', 'ttl'],
      mode: 'apart',
      sentence: 'The record has no TTL: it stays when everything else has ended.',
    },
    async (space) => {
      const { one, two, ttlMs, sleep } = space;
      const grant = await held(one, attemptOf('a', ttlMs));
      const record = recordOf(grant.token);
      await released(one, grant, record);
      await sleep(boundMs(space.capabilities.takeover.latest, grant.ttlMs) + LATE_MS);
      same((await two.list()).record, { kind: 'present', record }, 'the record');
    },
  ),
  question(
    'EXPIRE-010',
    {
      rule: 'time.wait',
      protects: ['L10'],
      needs: ['lock', 'ttl'],
      mode: 'apart',
      sentence: 'No attempt succeeds before the time that a busy answer tells by retryAfterMs.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, nowMs, until, longTtlMs } = space;
      const { ttlMs } = await held(one, attemptOf('a', asked));
      const next = attemptOf('b', longTtlMs);
      let notBeforeMs = 0;
      await until('another has the lock', boundMs(space.capabilities.takeover.latest, ttlMs) + LATE_MS, async () => {
        const outcome = await two.lock(next);
        if (outcome.kind === 'held') return outcome.grant;
        if (outcome.kind === 'busy' && outcome.retryAfterMs !== undefined) {
          notBeforeMs = Math.max(notBeforeMs, nowMs() + outcome.retryAfterMs);
        }
        return undefined;
      });
      const earlyMs = Math.round(notBeforeMs - nowMs());
      check(earlyMs <= 250, 'no success before the time that was told', { earlyMs });
    },
  ),
  question(
    'START-001',
    {
      rule: 'lock.token',
      protects: ['L2', 'F1', 'V1'],
      needs: ['lock', 'restart'],
      mode: 'alone',
      sentence: 'After a restart of the store tokens still grow, revisions do not fall, and the record is there.',
    },
    async ({ subject, one, two, longTtlMs, until, capabilities }) => {
      const first = await held(one, attemptOf('a', longTtlMs));
      const record = recordOf(first.token);
      await released(one, first, record);
      if (capabilities.registration === 'explicit') await registered(one, entryOf('n', longTtlMs));
      const before = await one.list();
      await subject.restart?.();
      const after = await until('the store is back', 30_000, () => two.list().catch(() => undefined));
      same(after.record, { kind: 'present', record }, 'the record');
      same(after.store, before.store, 'the identity of the store');
      const { revision = 0n } = after;
      check(revision >= (before.revision ?? 0n), `a revision of at least ${before.revision}`, revision);
      const third = await until('a lock is granted', 30_000, async () => {
        const outcome = await two.lock(attemptOf('b', longTtlMs)).catch(() => undefined);
        return outcome?.kind === 'held' ? outcome.grant : undefined;
      });
      check(third.token > first.token, `a token larger than ${first.token}`, third.token);
    },
  ),
];
