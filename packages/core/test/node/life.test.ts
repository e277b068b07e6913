import { createClusterNode, describeTiming, processDriver } from '@autocluster/core';
import { memoryStore } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

describe('the life of a node', () => {
  it.each([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])(
    'stops at every moment (%i ms after its start) and leaves nothing behind',
    async (afterMs) => {
      const world = new World();
      const latency = { requestMs: 4, replyMs: 4 };
      const node = world.launch('n1', { latency });
      await world.time.advance(afterMs);
      await world.settle(node.stop(), 10_000);
      expect([node.state.kind, world.cluster.members.length, world.cluster.locks.length]).toEqual(['stopped', 0, 0]);
      expect(world.time.pendingTimers).toBe(0);
      expect(await node.ended).toEqual({ kind: 'stopped' });
    },
  );

  it('stops in time although the store does not answer', async () => {
    const world = new World();
    const node = world.launch('n1');
    await world.formed('n1');
    world.faults('n1').inject({ kind: 'drop-request' });
    const startedAtMs = world.time.nowMs;
    await world.settle(node.stop(), 20_000);
    expect(world.time.nowMs - startedAtMs).toBeLessThanOrEqual(10_000);
  });

  it('cannot start again, and stopping twice is stopping once', async () => {
    const world = new World();
    const node = world.launch('n1');
    await world.formed('n1');
    expect(node.start()).toBe(node.start());
    const stopping = node.stop();
    expect(node.stop()).toBe(stopping);
    await world.settle(stopping);
    await expect(node.start()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('rejects ABORTED when its start is aborted, with the reason', async () => {
    const world = new World();
    const backend = world.store.client({ cluster: 'demo', id: 'n1' });
    world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    const node = createClusterNode(
      { backend, driver: processDriver({ node: 'n1' }), onEvent: () => undefined },
      world.time.runtime,
    );
    const controller = new AbortController();
    const started = node.start({ signal: controller.signal });
    started.catch(() => undefined);
    await world.time.advance(1_000);
    controller.abort('enough');
    await expect(world.settle(started)).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await world.settle(node.stop());
    expect(node.state.kind).toBe('stopped');
  });

  it('F3: who goes last says so, and the next start resumes at once as the next generation', async () => {
    const world = new World();
    const nodes = ['n1', 'n2'].map((name) => world.launch(name));
    await world.formed('n1', 'n2');
    await world.settle(Promise.all(nodes.map((node) => node.stop())));
    expect(world.cluster.record).toMatchObject({ kind: 'present', record: { idle: true, generation: 1 } });
    const startedAtMs = world.time.nowMs;
    world.launch('n3');
    await world.formed('n3');
    expect(world.time.nowMs - startedAtMs).toBeLessThan(1_000);
    expect(world.cluster.record).toMatchObject({ kind: 'present', record: { idle: false, generation: 2 } });
  });

  it('F3: all crash: the next start waits out the silence before it makes the next generation', async () => {
    const world = new World();
    world.launch('n1');
    await world.formed('n1');
    world.crash('n1');
    const startedAtMs = world.time.nowMs;
    // A listed process counts as up unless somebody asks it.
    world.launch('n2', { driver: world.process('n2', { probe: () => false }) });
    await world.formed('n2');
    const { silenceBeforeResumeMs } = describeTiming({ backend: world.store.client({ cluster: 'x' }) });
    expect(world.time.nowMs - startedAtMs).toBeGreaterThanOrEqual(30_000 + silenceBeforeResumeMs - 1_000);
    expect(world.nodes.get('n2')?.state).toMatchObject({ identity: { generation: 2 } });
  });

  it('leaves for good: the size falls by one', async () => {
    const world = new World();
    for (const name of ['n1', 'n2', 'n3']) world.launch(name);
    await world.formed('n1', 'n2', 'n3');
    await world.until(() => world.cluster.record.kind === 'present' && world.cluster.record.record.size === 3);
    const leaving = world.nodes.get('n3');
    if (!leaving) throw new Error('no node');
    await world.settle(leaving.leave());
    expect(leaving.state.kind).toBe('stopped');
    expect(world.cluster.record).toMatchObject({ record: { size: 2, idle: false } });
    await world.time.advance(60_000);
    expect(world.cluster.members.length).toBe(2);
  });

  it('F12: a second instance of a name is refused while the first lives', async () => {
    const world = new World();
    world.launch('n1');
    await world.formed('n1');
    const first = world.nodes.get('n1');
    const backend = world.store.client({ cluster: 'demo', id: 'twin' });
    const twin = createClusterNode(
      { backend, driver: processDriver({ node: 'n1' }), onEvent: () => undefined },
      world.time.runtime,
    );
    const started = twin.start();
    started.catch(() => undefined);
    await world.time.advance(5_000);
    expect(twin.state).toMatchObject({ kind: 'waiting', reason: 'name-held' });
    await expect(world.settle(started, 200_000)).rejects.toMatchObject({ code: 'NAME_HELD' });
    expect(first?.state.kind).toBe('formed');
  });

  it('S72 C15: a daemon that is down for one TTL is not offered, stays listed, and returns', async () => {
    const world = new World();
    let healthy = true;
    world.launch('n1', { driver: world.process('n1', { isHealthy: () => healthy }) });
    world.launch('n2');
    await world.formed('n1', 'n2');
    const listed = () =>
      world.cluster.members.find(({ registration }) => registration.node === 'n1')?.registration.state;
    healthy = false;
    await world.until(() => listed() === 'joining', 60_000);
    expect(world.stateOf('n1')).toBe('waiting own-daemon-unknown');
    healthy = true;
    await world.until(() => listed() === 'ready', 60_000);
    expect(world.clusters.size).toBe(1);
  });

  it('tells what happens to whoever reads, drops the oldest, and ends with the node', async () => {
    const world = new World();
    const node = world.launch('n1');
    const stream = node.events({ buffer: 2 });
    const iterator = stream[Symbol.asyncIterator]();
    const first = iterator.next();
    await world.formed('n1');
    await world.settle(node.stop());
    await first;
    const rest: string[] = [];
    for (let each = await iterator.next(); !each.done; each = await iterator.next()) rest.push(each.value.name);
    expect(rest[0]).toBe('events.dropped');
    expect(rest.length).toBe(3);
  });

  it('shows its metadata, and the view in what JSON can carry', async () => {
    const world = new World();
    const node = world.launch('n1', { metadata: { zone: 'a' } });
    expect(node.view).toEqual({ kind: 'unknown', cause: undefined });
    await world.formed('n1');
    node.setMetadata({ zone: 'b' });
    await world.until(() => JSON.stringify(node.view).includes('"zone":"b"'));
    expect(() => node.setMetadata({ zone: 7 } as never)).toThrow(/metadata.zone/);
  });
});

const base = () => ({ backend: memoryStore().client({ cluster: 'demo' }), driver: processDriver({ node: 'n1' }) });

describe('options of a node', () => {
  it.each([
    ['ttlMs', 0],
    ['ttlMs', '30s'],
    ['callTimeoutMs', 20_000],
    ['refreshMs', 1],
    ['settleMs', -1],
    ['settleMs', 300_000],
    ['workMs', 1.5],
    ['nodesExpectedMin', 0],
    ['formationTimeoutMs', 10],
    ['stopTimeoutMs', Number.NaN],
    ['closeBackend', 'yes'],
    ['select', 'newest'],
    ['onFailure', 'retry'],
    ['onLocalData', 'keep'],
    ['onEvicted', 'ignore'],
    ['joinMinority', 'never'],
    ['whenNobodyAlive', 'create'],
    ['whenNobodyAlive', { recreate: -1 }],
    ['metadata', ['a']],
    ['onEvent', 'log'],
    ['logger', {}],
    ['logger', () => undefined],
    ['ttl', 3_000],
  ])('refuses %s: %j, naming it and what is allowed', (option, value) => {
    const make = () => createClusterNode({ ...base(), [option]: value });
    expect(make).toThrow(new RegExp(option));
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', allowed: expect.any(String) }));
  });

  it.each([
    ['node', 'a/b'],
    ['onJoin', 'join'],
    ['concurrentJoins', 1],
    ['onLeave', () => undefined],
  ])('processDriver refuses %s: %j', (option, value) => {
    expect(() => processDriver({ [option]: value })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  const another = { spi: 2, capabilities: {} };
  it.each([
    ['no options', undefined, { code: 'INVALID_OPTION', option: 'options' }],
    ['no backend', { ...base(), backend: undefined }, { code: 'INVALID_OPTION', option: 'backend' }],
    ['a backend that is still to come', { ...base(), backend: Promise.resolve() }, { code: 'SPI_MISMATCH' }],
    [
      'a backend of another interface',
      { ...base(), backend: { ...base().backend, ...another } },
      { code: 'SPI_MISMATCH' },
    ],
    [
      'a driver of another interface',
      { ...base(), driver: { ...base().driver, ...another } },
      { code: 'SPI_MISMATCH' },
    ],
    ['null for a driver', { ...base(), driver: null }, { code: 'INVALID_OPTION', option: 'driver' }],
    [
      'a driver whose name nobody can have',
      { ...base(), driver: { ...base().driver, self: () => '' } },
      { code: 'INVALID_OPTION' },
    ],
  ])('says what is wrong with %s, to whom asks for the timing as well', (_what, options, expected) => {
    expect(() => createClusterNode(options as never)).toThrow(expect.objectContaining(expected));
    expect(() => describeTiming(options as never)).toThrow(expect.objectContaining(expected));
  });

  it('refuses to resume where that would lose data', () => {
    const world = new World();
    const options = { ...base(), driver: world.daemons().daemon('n1'), whenNobodyAlive: 'resume' as const };
    expect(() => createClusterNode(options)).toThrow(/durable/);
  });

  it('takes a store that tells of no changes', async () => {
    const world = new World(1, { watch: false, watchesExpiry: false });
    world.launch('n1');
    await world.formed('n1');
  });

  it('refuses a store without a lock', () => {
    const backend = memoryStore({ capabilities: { lock: 'none' } }).client({ cluster: 'demo' });
    expect(() => createClusterNode({ ...base(), backend })).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });
});
