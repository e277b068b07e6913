import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import type { Client } from '../space/client.js';
import { attemptOf, busy, entryOf, held, memberIn, names, recordOf, registered, released } from '../space/request.js';
import type { Space } from '../space/space.js';
import { giveUp, requireHonest, type Tried, tried } from './give-up.js';
import { question } from './question.js';

const SHORT_MS = 1000;

type Loss = (client: Client) => void;

/** Ways for an answer to get lost, at each of the first pieces of an exchange. */
const LOSSES: readonly Loss[] = [
  ({ faults }) => faults.dropReplies(),
  ...[0, 1, 2, 3].map(
    (after): Loss =>
      ({ faults }) =>
        faults.cutReplies(after),
  ),
];

/** Runs one round for every way of losing an answer, with a connection that works before and after. */
async function eachLoss(
  { one, client }: Space,
  round: (loss: {
    readonly struck: Client;
    readonly index: number;
  }) => Promise<{ readonly strike: () => Promise<void>; readonly after: () => Promise<void> }>,
): Promise<void> {
  await one.list();
  for (const [index, lose] of LOSSES.entries()) {
    const struck = await client();
    await struck.list();
    const { strike, after } = await round({ struck, index });
    lose(struck);
    await strike();
    await struck.faults.heal();
    await after();
  }
}

export const LATE_CASES: readonly Case[] = [
  question(
    'LATE-001',
    {
      rule: 'late.repeat',
      protects: ['L6', 'L12', 'L5'],
      needs: ['lock', 'wire'],
      sentence: 'A lock whose answer was lost is found by a repeat of the attempt; its error does not deny it.',
    },
    async (space) => {
      const { two, longTtlMs } = space;
      await eachLoss(space, async ({ struck, index }) => {
        const name = `late-${index}`;
        const request = attemptOf('a', longTtlMs, { name });
        let outcome: Tried<Awaited<ReturnType<Client['lock']>>>;
        return {
          async strike() {
            outcome = await tried(struck.lock(request, { timeoutMs: SHORT_MS }));
          },
          async after() {
            const probe = await two.lock(attemptOf('b', longTtlMs, { name }));
            if ('error' in outcome) requireHonest('lock', outcome.error, probe.kind === 'busy');
            else if (outcome.answer.kind === 'held') same(probe.kind, 'busy', 'the answer to another');
            if (probe.kind === 'held') await released(two, probe.grant);
            await giveUp(space, struck, request);
          },
        };
      });
    },
  ),
  question(
    'LATE-002',
    {
      rule: 'late.repeat',
      protects: ['R1', 'F12'],
      needs: ['explicit', 'wire', 'linearizable'],
      sentence: 'A register whose answer was lost is found by its repeat; its error does not deny it.',
    },
    async (space) => {
      const { two, longTtlMs } = space;
      await eachLoss(space, async ({ struck, index }) => {
        const request = entryOf(`n${index}`, longTtlMs);
        let outcome: Tried<unknown>;
        return {
          async strike() {
            outcome = await tried(struck.register(request, { timeoutMs: SHORT_MS }));
          },
          async after() {
            const isThere = (await names(two)).includes(request.node);
            if ('error' in outcome) requireHonest('register', outcome.error, isThere);
            same((await registered(struck, request)).instance, request.instance, 'the instance of the repeat');
            same(memberIn(await two.list(), request.node)?.instance, request.instance, 'the instance that is listed');
          },
        };
      });
    },
  ),
  question(
    'LATE-003',
    {
      rule: 'late.repeat',
      protects: ['F18', 'F1', 'L3'],
      needs: ['lock', 'wire'],
      sentence: 'A commit whose answer was lost is answered released by its repeat; its error does not deny it.',
    },
    async (space) => {
      const { two, longTtlMs } = space;
      await eachLoss(space, async ({ struck }) => {
        const grant = await held(struck, attemptOf('a', longTtlMs));
        const record = recordOf(grant.token);
        let outcome: Tried<unknown>;
        return {
          async strike() {
            outcome = await tried(struck.unlock(grant, { record, timeoutMs: SHORT_MS }));
          },
          async after() {
            const { record: stored } = await two.list();
            const isThere = stored.kind === 'present' && stored.record.clusterId === record.clusterId;
            if ('error' in outcome) requireHonest('the commit', outcome.error, isThere);
            else same(outcome.answer, { kind: 'released' }, 'the answer to a commit of a grant in force');
            await released(struck, grant, record);
            same((await two.list()).record, { kind: 'present', record }, 'the record after the repeat');
            await released(two, await held(two, attemptOf('b', longTtlMs)));
          },
        };
      });
    },
  ),
  question(
    'LATE-004',
    {
      rule: 'late.repeat',
      protects: ['R2', 'R4'],
      needs: ['explicit', 'wire', 'linearizable'],
      sentence: 'An unregister whose answer was lost can be repeated; its error does not deny it.',
    },
    async (space) => {
      const { two, longTtlMs } = space;
      await eachLoss(space, async ({ struck, index }) => {
        const entry = await registered(struck, entryOf(`n${index}`, longTtlMs));
        let outcome: Tried<unknown>;
        return {
          async strike() {
            outcome = await tried(struck.unregister(entry, { timeoutMs: SHORT_MS }));
          },
          async after() {
            const isGone = !(await names(two)).includes(entry.node);
            if ('error' in outcome) requireHonest('unregister', outcome.error, isGone);
            else check(isGone, 'the entry gone after unregister resolved');
            await struck.unregister(entry);
            same(await names(two), [], 'what is listed after the repeat');
          },
        };
      });
    },
  ),
  question(
    'LATE-005',
    {
      rule: 'late.repeat',
      protects: ['L7'],
      needs: ['lock', 'wire'],
      sentence: 'A release whose answer was lost can be repeated, and frees the lock once.',
    },
    async (space) => {
      const { two, longTtlMs } = space;
      await eachLoss(space, async ({ struck }) => {
        const grant = await held(struck, attemptOf('a', longTtlMs));
        let outcome: Tried<unknown>;
        return {
          async strike() {
            outcome = await tried(struck.unlock(grant, { timeoutMs: SHORT_MS }));
          },
          async after() {
            const probe = await two.lock(attemptOf('b', longTtlMs));
            if ('error' in outcome) requireHonest('unlock', outcome.error, probe.kind === 'held');
            const again = await struck.unlock(grant);
            same(again.kind, probe.kind === 'held' ? 'lost' : 'released', 'the answer to the repeat');
            await released(two, probe.kind === 'held' ? probe.grant : await held(two, attemptOf('b', longTtlMs)));
          },
        };
      });
    },
  ),
  question(
    'LATE-006',
    {
      rule: 'late.held',
      protects: ['L5', 'L4', 'R3'],
      needs: ['lock', 'explicit', 'wire'],
      sentence: 'Renewals whose answer was lost are neither lost nor a conflict, and the next ones succeed.',
    },
    async (space) => {
      const { two, longTtlMs } = space;
      await eachLoss(space, async ({ struck, index }) => {
        const attempt = attemptOf('a', longTtlMs, { name: `late-${index}` });
        const entry = entryOf(`n${index}`, longTtlMs);
        const [grant, registration] = [await held(struck, attempt), await registered(struck, entry)];
        return {
          async strike() {
            const [lock, register] = await Promise.all([
              tried(struck.lock({ ...attempt, held: grant }, { timeoutMs: SHORT_MS })),
              tried(struck.register({ ...entry, held: registration }, { timeoutMs: SHORT_MS })),
            ]);
            if ('answer' in lock) same(lock.answer.kind, 'held', 'the answer to the renewal of the lock');
            if ('answer' in register) same(register.answer.kind, 'registered', 'the answer to that of the entry');
          },
          async after() {
            await busy(two, attemptOf('b', longTtlMs, { name: attempt.name }));
            same((await held(struck, { ...attempt, held: grant })).token, grant.token, 'the token');
            await registered(struck, { ...entry, held: registration });
          },
        };
      });
    },
  ),
];
