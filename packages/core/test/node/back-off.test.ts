import { type ClusterDriver, ClusterError, processDriver } from '@autocluster/core';
import type { Backend } from '@autocluster/core/backend';
import type { DriverVerb } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { over, World } from './kit.js';

/** How often a verb is asked of the daemon of a node that is alone, in so many ms. */
async function asked(kind: 'fail' | 'pretend', verb: DriverVerb, forMs: number): Promise<number> {
  const world = new World();
  const n1 = world.daemons().daemon('n1');
  let count = 0;
  n1.faults.inject({ kind, verbs: [verb], onStrike: () => (count += 1) });
  world.launch('n1', { driver: n1, latency: { requestMs: 2, replyMs: 2 } });
  await world.time.advance(forMs);
  return count;
}

/** A store that grants locks and does not let the record be written, from the n-th time on; and how often it was asked. */
function refusesRecords(from = 1) {
  let commits = 0;
  const refuses: Backend['unlock'] = () => {
    const problem = { operation: 'unlock', retryable: false, outcomeUnknown: false };
    return Promise.reject(new ClusterError('STORE_FORBIDDEN', 'this key may not be written', problem));
  };
  const through = (client: Backend): Backend =>
    over(client, {
      unlock(grant, options) {
        if (options.record) commits += 1;
        return options.record && commits >= from ? refuses(grant, options) : client.unlock(grant, options);
      },
    });
  return { through, count: () => Math.max(0, commits - from + 1) };
}

describe('F8: the pause before what failed is tried again grows', () => {
  it.each(['create', 'committed'] as const)(
    'when the daemon fails at %s, and the store answers in between',
    async (verb) => {
      expect(await asked('fail', verb, 60_000)).toBeLessThan(20);
    },
  );

  it.each(['create', 'committed'] as const)('when the daemon does not show what came of %s', async (verb) => {
    expect(await asked('pretend', verb, 60_000)).toBeLessThan(20);
  });

  it('when the daemon joins, and fails to keep what it has joined', async () => {
    const world = new World();
    world.launch('n1');
    await world.formed('n1');
    let count = 0;
    const driver: ClusterDriver = {
      ...processDriver({ node: 'n2' }),
      join: () => Promise.resolve(),
      committed() {
        count += 1;
        return Promise.reject(new Error('the disk is full'));
      },
    };
    world.launch('n2', { driver, latency: { requestMs: 2, replyMs: 2 } });
    await world.time.advance(60_000);
    expect([count > 1, count < 20]).toEqual([true, true]);
  });

  it('when the daemon does not show that it was reset', async () => {
    const world = new World();
    const daemons = world.daemons();
    const names = ['n1', 'n2', 'n3'];
    for (const name of names) world.launch(name, { driver: daemons.daemon(name), onEvicted: 'rejoin' });
    await world.formed(...names);
    let count = 0;
    daemons.daemon('n3').faults.inject({ kind: 'pretend', verbs: ['reset'], onStrike: () => (count += 1) });
    for (const name of ['n1', 'n2']) daemons.daemon(name).setView(['n1', 'n2']);
    await world.time.advance(60_000);
    expect([count > 1, count < 20]).toEqual([true, true]);
  });

  it('when the store refuses to write, and answers a list in between', async () => {
    const world = new World();
    let count = 0;
    world.launch('n1');
    world.faults('n1').inject({ kind: 'fail', code: 'STORE_FULL', verbs: ['lock'], onStrike: () => (count += 1) });
    await world.time.advance(60_000);
    expect(count).toBeLessThan(20);
  });

  it('when the store grants the lock, and refuses the record', async () => {
    const world = new World();
    const refusal = refusesRecords();
    world.launch('n1', { through: refusal.through, latency: { requestMs: 2, replyMs: 2 } });
    await world.time.advance(60_000);
    expect(refusal.count()).toBeLessThan(20);
    expect(world.nodes.get('n1')?.state).toMatchObject({ kind: 'waiting', cause: 'STORE_FORBIDDEN' });
  });

  it('when the store refuses the record of a member that is formed', async () => {
    const world = new World();
    const n1 = world.daemons().daemon('n1');
    const refusal = refusesRecords(2);
    world.launch('n1', { driver: n1, through: refusal.through, latency: { requestMs: 2, replyMs: 2 } });
    await world.formed('n1');
    n1.setView(['n1', 'n2', 'n3']);
    await world.time.advance(60_000);
    expect([refusal.count() > 1, refusal.count() < 20]).toEqual([true, true]);
  });
});
