import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import type { Space } from '../space/space.js';
import { attemptOf, busy, entryOf, held, lost, memberIn, names, recordOf, registered } from '../space/request.js';
import { boundMs, keepAlive, LATE_MS } from './lease-time.js';
import { question } from './question.js';

/** How exactly a server may measure. */
const EARLY_MS = 50;

/** How long after `sentMs`, at which the last renewal was sent, something may and must have ended. */
function boundsOf({ capabilities, nowMs }: Space, ttlMs: number) {
  const { earliest, latest } = capabilities.takeover;
  return {
    /** What is left until it must have ended. */
    restMs: (answeredMs: number) => boundMs(latest, ttlMs) + LATE_MS - (nowMs() - answeredMs),
    check(sentMs: number, endedMs: number, what: string) {
      const tookMs = Math.round(endedMs - sentMs);
      const least = boundMs(earliest, ttlMs);
      check(tookMs >= least - EARLY_MS, `${what} not to end before ${least} ms; it ended after ${tookMs} ms`);
    },
  };
}

export const EXPIRY_CASES: readonly Case[] = [
  question(
    'EXPIRE-001',
    {
      rule: 'register.ttl',
      protects: ['R5'],
      needs: ['explicit', 'ttl'],
      mode: 'apart',
      sentence: 'The entry of a silent node ends within the bounds of the manifest, and not before.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, nowMs, until } = space;
      const sentMs = nowMs();
      const { ttlMs = asked } = await registered(one, entryOf('a', asked));
      const bounds = boundsOf(space, ttlMs);
      await until('the entry has ended', bounds.restMs(nowMs()), async () =>
        (await names(two)).includes('a') ? undefined : true,
      );
      bounds.check(sentMs, nowMs(), 'the entry');
    },
  ),
  question(
    'EXPIRE-002',
    {
      rule: 'register.ttl',
      protects: ['R5', 'R3'],
      needs: ['explicit', 'ttl'],
      mode: 'apart',
      sentence: 'An entry that is renewed lives on, with held and without.',
    },
    async (space) => {
      const { one, two, ttlMs: asked } = space;
      const [a, b] = [entryOf('a', asked), entryOf('b', asked)];
      let [heldA, { ttlMs = asked }] = [await registered(one, a), await registered(one, b)];
      const timesTtl = Math.ceil(boundMs(space.capabilities.takeover.latest, ttlMs) / ttlMs) + 1;
      await keepAlive(space, ttlMs, 3 * timesTtl, {
        async renew() {
          [heldA] = await Promise.all([registered(one, { ...a, held: heldA }), registered(one, b)]);
        },
        look: async () => same(await names(two), ['a', 'b'], 'what is listed'),
      });
    },
  ),
  question(
    'EXPIRE-003',
    {
      rule: 'register.conflict',
      protects: ['F12', 'L8'],
      needs: ['explicit', 'ttl', 'exclusive'],
      mode: 'apart',
      sentence: 'The name of an instance that died is free for another one in time, which then keeps it.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, nowMs, until, longTtlMs } = space;
      const request = entryOf('a', asked);
      const old = await registered(one, request);
      const bounds = boundsOf(space, old.ttlMs ?? asked);
      const next = entryOf('a', longTtlMs);
      await until('the name is free', bounds.restMs(nowMs()), async () =>
        (await two.register(next)).kind === 'registered' ? true : undefined,
      );
      const outcome = await one.register({ ...request, held: old });
      same(outcome, { kind: 'conflict', instance: next.instance }, 'a late renewal of the old instance');
      same(memberIn(await one.list(), 'a')?.instance, next.instance, 'the instance that is listed');
    },
  ),
  question(
    'EXPIRE-004',
    {
      rule: 'lock.ttl',
      protects: ['L4', 'L10', 'L2', 'L3', 'F7'],
      needs: ['lock', 'ttl'],
      mode: 'apart',
      sentence:
        'The lock of a silent holder passes to another within the bounds, not before, with a larger token; what the old one commits is lost.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, nowMs, until, longTtlMs } = space;
      const request = attemptOf('a', asked);
      const sentMs = nowMs();
      const grant = await held(one, request);
      const bounds = boundsOf(space, grant.ttlMs);
      const next = attemptOf('b', longTtlMs);
      const theirs = await until('another has the lock', bounds.restMs(nowMs()), async () => {
        const outcome = await two.lock(next);
        return outcome.kind === 'held' ? outcome.grant : undefined;
      });
      bounds.check(sentMs, nowMs(), 'the lock');
      check(theirs.token > grant.token, `a token larger than ${grant.token}`, theirs.token);
      await lost(one, { ...request, held: grant });
      const record = recordOf(grant.token);
      same(await one.unlock(grant, { record }), { kind: 'lost' }, 'a commit under the expired grant');
      same((await two.list()).record, { kind: 'absent' }, 'the record');
      same(await one.unlock(grant), { kind: 'lost' }, 'the release of the expired grant');
      await busy(one, attemptOf('c', longTtlMs));
    },
  ),
  question(
    'EXPIRE-005',
    {
      rule: 'lock.ttl',
      protects: ['L4', 'L5'],
      needs: ['lock', 'ttl'],
      mode: 'apart',
      sentence: 'A lock that is renewed stays with its holder.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, longTtlMs } = space;
      const request = attemptOf('a', asked);
      let grant = await held(one, request);
      const timesTtl = Math.ceil(boundMs(space.capabilities.takeover.latest, grant.ttlMs) / grant.ttlMs) + 1;
      await keepAlive(space, grant.ttlMs, 3 * timesTtl, {
        async renew() {
          grant = await held(one, { ...request, held: grant });
        },
        look: () => busy(two, attemptOf('b', longTtlMs)),
      });
    },
  ),
  question(
    'EXPIRE-006',
    {
      rule: 'lock.attempt',
      protects: ['L12', 'L4'],
      needs: ['lock', 'ttl'],
      mode: 'apart',
      sentence: 'A repeat of an attempt extends the grant that it answers.',
    },
    async (space) => {
      const { one, two, ttlMs: asked, longTtlMs } = space;
      const request = attemptOf('a', asked);
      const grant = await held(one, request);
      const timesTtl = Math.ceil(boundMs(space.capabilities.takeover.latest, grant.ttlMs) / grant.ttlMs) + 1;
      await keepAlive(space, grant.ttlMs, 3 * timesTtl, {
        renew: async () => same((await held(one, request)).token, grant.token, 'the token of the repeat'),
        look: () => busy(two, attemptOf('b', longTtlMs)),
      });
    },
  ),
];
