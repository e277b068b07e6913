import type { ClusterDriver, ClusterRecord, DriverCall, Member } from '@autocluster/core/driver';
import { systemClock } from '@autocluster/core/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Epmd,
  makeFolder,
  type RabbitmqNode,
  startEpmd,
  startRabbitmq,
  until,
} from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { rabbitmq } from '../src/index.js';

const recordOf = (clusterId: string, more: Partial<ClusterRecord> = {}): ClusterRecord => ({
  clusterId,
  generation: 1,
  createdBy: 'rabbit@a',
  createdAt: '2026-01-01T00:00:00.000Z',
  token: 7n,
  version: 1,
  size: 1,
  idle: false,
  removed: [],
  settings: {},
  extra: {},
  ...more,
});

const memberOf = (node: string): Member => ({
  node,
  instance: 'i-1',
  state: 'ready',
  identity: undefined,
  recordVersion: undefined,
  metadata: {},
  order: undefined,
});

const call = (): DriverCall => ({
  signal: new AbortController().signal,
  timeoutMs: 60_000,
  clock: systemClock,
  list: undefined,
});
const health = (driver: ClusterDriver, node: string) => driver.health({ node, listed: undefined }, call());
const code = (name: string) => expect.objectContaining({ code: name });

serverSuite(['rabbitmq'], 'RabbitMQ driver: brokers that run already', () => {
  let epmd: Epmd;
  let brokers: readonly RabbitmqNode[] = [];
  const brokerAt = (index: number) => brokers[index] ?? expect.fail(`no broker ${index}`);
  const driverOf = (broker: RabbitmqNode, more: object = {}) =>
    rabbitmq({
      node: broker.nodename,
      home: broker.folder,
      scripts: broker.scripts,
      env: { ...process.env, ...broker.environment },
      ...more,
    });
  const [ours, theirs] = [recordOf('ours'), recordOf('theirs')];
  const identity = async (driver: ClusterDriver) => (await driver.membership(call())).identity;

  beforeAll(async () => {
    epmd = await startEpmd();
    const shared = { epmd, cookie: 'acookieofthetests' };
    brokers = await Promise.all([startRabbitmq(shared), startRabbitmq(shared)]);
  });
  afterAll(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
    await epmd.stop();
  });

  it('a broker after its first boot is blank; both ways of asking say so', async () => {
    const broker = brokerAt(0);
    for (const ask of ['erl_call', 'rabbitmqctl'] as const) {
      const driver = driverOf(broker, { ask });
      expect(await driver.membership(call())).toMatchObject({
        identity: { kind: 'blank' },
        members: [broker.nodename],
        running: [broker.nodename],
        partitions: [],
      });
      expect(await health(driver, broker.nodename)).toMatchObject({ status: 'up', ready: false });
    }
  });

  it('S9, S82: only a node that is not there is down', async () => {
    const [first, second] = [brokerAt(0), brokerAt(1)];
    expect(await health(driverOf(first), 'nobody@127.0.0.1')).toMatchObject({ status: 'down' });
    expect(await health(driverOf(first), 'rabbit@no-such-host.invalid')).toMatchObject({ status: 'unknown' });
    expect(await health(driverOf(first), 'rabbit@short')).toMatchObject({ status: 'unknown' });
    const stranger = driverOf(first, { home: makeFolder('stranger'), cookie: 'another' });
    expect(await health(stranger, second.nodename)).toMatchObject({
      status: 'unknown',
      detail: expect.stringContaining('cookie'),
    });
    await expect(stranger.membership(call())).rejects.toThrow(code('DRIVER_FAILED'));
  });

  it('creates: provisional until the record is committed, each step repeatable', async () => {
    const driver = driverOf(brokerAt(0));
    await driver.create({ identity: ours, token: 7n }, call());
    await driver.create({ identity: ours, token: 7n }, call());
    expect(await identity(driver)).toEqual({ kind: 'provisional', clusterId: 'ours', generation: 1 });
    expect(await health(driver, driver.self())).toMatchObject({ status: 'up', ready: false });
    await expect(driver.committed(theirs, call())).rejects.toThrow(code('CLUSTER_MISMATCH'));
    await driver.committed(ours, call());
    await driver.committed(ours, call());
    expect(await driver.membership(call())).toMatchObject({
      identity: { kind: 'committed', clusterId: 'ours' },
      kept: ours,
    });
    expect(await health(driver, driver.self())).toMatchObject({ status: 'up', ready: true });
    await expect(driver.create({ identity: theirs, token: 8n }, call())).rejects.toThrow(code('LOCAL_DATA'));
  });

  it('S3: joins nobody whose cluster is not the one on record, and is blank as before', async () => {
    const driver = driverOf(brokerAt(1));
    const seed = memberOf(brokerAt(0).nodename);
    await expect(driver.join({ seed, token: 7n, record: theirs }, call())).rejects.toThrow(code('CLUSTER_MISMATCH'));
    await expect(driver.committed(ours, call())).rejects.toThrow(code('DRIVER_FAILED'));
    expect(await identity(driver)).toEqual({ kind: 'blank' });
  });

  it('S89: joins with no data that a join would destroy', async () => {
    const [second, driver] = [brokerAt(1), driverOf(brokerAt(1))];
    await second.rabbitmqctl(['add_vhost', 'precious']);
    expect(await identity(driver)).toEqual({ kind: 'unnamed', interruptedJoin: false });
    const seed = memberOf(brokerAt(0).nodename);
    await expect(driver.join({ seed, token: 7n, record: ours }, call())).rejects.toThrow(code('LOCAL_DATA'));
    expect((await second.rabbitmqctl(['--quiet', 'list_vhosts'])).stdout).toContain('precious');
    await driver.reset(call());
    expect(await identity(driver)).toEqual({ kind: 'blank' });
  });

  it('S84: joins, and joins again at no cost; the membership counts when it is confirmed', async () => {
    const [first, driver] = [brokerAt(0), driverOf(brokerAt(1))];
    const seed = memberOf(first.nodename);
    await driver.join({ seed, token: 7n, record: ours }, call());
    await driver.join({ seed, token: 7n, record: ours }, call());
    const both = expect.arrayContaining([first.nodename, driver.self()]);
    expect(await driver.membership(call())).toMatchObject({
      identity: { kind: 'unnamed', interruptedJoin: true },
      members: both,
      running: both,
    });
    const next = { ...ours, version: 2, size: 2 };
    await driver.committed(next, call());
    expect(await driver.membership(call())).toMatchObject({ identity: { kind: 'committed' }, members: both });
    // What one member keeps, all have.
    expect(await driverOf(first).membership(call())).toMatchObject({ kept: next, members: both });
  });

  it('S35, S44: forgets who is gone, and nobody who runs', async () => {
    const [second, driver] = [brokerAt(1), driverOf(brokerAt(0))];
    const gone = { node: second.nodename, instance: 'i-1', token: 9n };
    await expect(driver.forget(gone, call())).rejects.toThrow(code('DRIVER_FAILED'));
    await second.kill();
    await until('its peer has noticed', async () => !(await driver.membership(call())).running.includes(gone.node));
    await driver.forget(gone, call());
    await driver.forget(gone, call());
    expect((await driver.membership(call())).members).toEqual([driver.self()]);
  });

  it('S39: a node that was forgotten is still known when its broker does not start any more', async () => {
    const [second, driver] = [brokerAt(1), driverOf(brokerAt(1))];
    await expect(second.restart()).rejects.toThrow(/inconsistent_cluster/);
    await expect(driver.membership(call())).rejects.toThrow(code('DRIVER_FAILED'));
    expect(await health(driverOf(brokerAt(0)), second.nodename)).toMatchObject({ status: 'down' });
  });
});
