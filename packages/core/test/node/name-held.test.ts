import { describeTiming } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const TTL_MS = 30_000;

/** A node whose renewals are on their way for `delayMs` each, dies; its name is asked for again at once. */
async function restarted(delayMs: number) {
  const world = new World();
  for (const name of ['n1', 'n2']) world.launch(name, { ttlMs: TTL_MS });
  await world.formed('n1', 'n2');
  await world.time.advance(60_000);
  const { latestTakeoverMs, renewalMs } = describeTiming({
    backend: world.store.client({ cluster: 'other' }),
    ttlMs: TTL_MS,
  });
  world.faults('n1').inject({ kind: 'delay', requestMs: delayMs, verbs: ['register'] });
  await world.time.advance(3 * renewalMs);
  world.crash('n1');
  const startedAtMs = world.time.nowMs;
  const node = world.launch('n1', { ttlMs: TTL_MS, client: 'n1 again' });
  await world.until(() => node.state.kind === 'formed' || world.failures.has('n1'), 200_000);
  return { world, node, tookMs: world.time.nowMs - startedAtMs, patienceMs: latestTakeoverMs + renewalMs };
}

describe('F12: a name that an earlier run of the same node still holds', () => {
  it.each([0, 4_000])('its last request came %i ms late: is waited for', async (delayMs) => {
    const { world, node } = await restarted(delayMs);
    expect([node.state.kind, world.failures.size]).toEqual(['formed', 0]);
  });

  it('its last request came later than any answer is waited for: NAME_HELD, and not before the bound', async () => {
    // The entry ends one TTL after the request has arrived: from the store, that cannot be told from an instance that lives.
    const { world, tookMs, patienceMs } = await restarted(19_000);
    expect(world.failures.get('n1')).toMatchObject({ code: 'NAME_HELD' });
    expect(tookMs).toBeGreaterThan(patienceMs);
    // Nothing of the other run was touched, and once it is gone the next start succeeds.
    expect(world.cluster.members.map(({ registration }) => registration.node)).toEqual(['n1', 'n2']);
    await world.time.advance(TTL_MS);
    world.launch('n1', { ttlMs: TTL_MS, client: 'n1 at last' });
    await world.formed('n1', 'n2');
    expect(world.clusters.size).toBe(1);
  });
});

describe('F12: a node that stands still while the answer to its last registration is on its way', () => {
  const entry = (world: World) => world.cluster.members.find(({ registration }) => registration.node === 'n2');

  it('is not formed when it goes on after the entry has lapsed, and another run has its name', async () => {
    const world = new World();
    world.launch('n1', { ttlMs: TTL_MS });
    await world.formed('n1');
    const runtime = world.time.process();
    const node = world.launch('n2', { ttlMs: TTL_MS, runtime, latency: { requestMs: 20, replyMs: 20 } });
    await world.until(() => entry(world)?.registration.state === 'ready');
    runtime.pause();
    expect(node.state.kind).toBe('confirming');
    await world.until(() => entry(world) === undefined);
    const again = world.launch('n2', { ttlMs: TTL_MS, client: 'n2 again' });
    await world.until(() => again.state.kind === 'formed');
    const kinds = new Set<string>();
    runtime.resume();
    await world.until(() => {
      kinds.add(node.state.kind);
      return node.state.kind === 'waiting' && node.state.reason === 'name-held';
    });
    expect([...kinds]).not.toContain('formed');
  });

  it('nor when its machine was suspended for so long', async () => {
    const world = new World();
    world.launch('n1', { ttlMs: 6_000 });
    await world.formed('n1');
    const runtime = world.time.process();
    const entry = () => world.cluster.members.find(({ registration }) => registration.node === 'n2');
    const node = world.launch('n2', { ttlMs: 6_000, runtime, latency: { requestMs: 20, replyMs: 20 } });
    await world.until(() => entry()?.registration.state === 'ready');
    runtime.suspend();
    expect(node.state.kind).toBe('confirming');
    await world.until(() => entry() === undefined);
    const again = world.launch('n2', { ttlMs: 6_000, client: 'n2 again' });
    await world.until(() => again.state.kind === 'formed');
    const kinds = new Set<string>();
    runtime.resume();
    const untilMs = world.time.nowMs + 30_000;
    await world.until(() => {
      kinds.add(node.state.kind);
      return world.time.nowMs > untilMs;
    });
    expect([...kinds]).not.toContain('formed');
  });
});

describe('F12: a node that stands still before there is a cluster, until another run has its name', () => {
  it('creates none, although enough nodes are listed now, and is told NAME_HELD', async () => {
    const world = new World();
    const daemons = world.daemons();
    const runtime = world.time.process();
    const driver = daemons.daemon('n1').inProcess(runtime);
    world.launch('n1', { ttlMs: TTL_MS, nodesExpectedMin: 2, runtime, driver });
    await world.until(() => world.stateOf('n1') === 'waiting too-few-members');
    runtime.pause();
    await world.until(() => world.cluster.members.length === 0);
    const store = world.store.cluster('demo');
    store.insertMember({ node: 'n1', instance: 'n1 again', state: 'joining' });
    store.insertMember({ node: 'n2', instance: 'n2', state: 'joining' });
    runtime.resume();
    await world.until(() => world.failures.has('n1'));
    expect(world.failures.get('n1')).toMatchObject({ code: 'NAME_HELD' });
    expect([world.cluster.record.kind, world.events('lock.acquired')]).toEqual(['absent', []]);
  });
});
