import { type HealthReport, healthText } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { CleanupWorld } from '../cleanup/world.js';

const bad = ({ checks }: HealthReport) => checks.filter(({ status }) => status !== 'ok').map(({ name }) => name);
const healthOf = (world: CleanupWorld, name: string) => world.settle(world.node(name).health());

describe('the health report', () => {
  it('says of every node of a cluster that works that all is well, takes no lock and writes nothing', async () => {
    const world = await CleanupWorld.of(3);
    const before = world.store.history.length;
    for (const name of ['n1', 'n2', 'n3']) {
      const report = await healthOf(world, name);
      expect(bad(report)).toEqual([]);
      expect(report).toMatchObject({ status: 'ok', cluster: 'demo', node: name, members: 3 });
      expect(healthText(report)).toMatch(/^SUCCESS: n\d in cluster demo: 3 members\n/);
      expect(JSON.parse(JSON.stringify(report))).toMatchObject({ status: 'ok' });
    }
    expect(world.store.history.length).toBe(before);
  });

  it('S4: fails while a member is dead, says what to do, and is well again once it is removed', async () => {
    const world = await CleanupWorld.of(3);
    world.lose('n3');
    await world.wait(40_000);
    const report = await healthOf(world, 'n1');
    expect(bad(report)).toEqual(['sizes']);
    const sizes = { evidence: '3 members, 2 run, 2 listed, 3 as n2 counts; size 3', advice: expect.any(String) };
    expect(report.checks).toContainEqual({ name: 'sizes', status: 'failing', ...sizes });
    expect(healthText(report)).toMatch(/^FAILURE: .*\n[^]*failing sizes .*\n +→ bring the missing members back/);
    await world.until(() => world.removed.length === 1);
    await world.wait(20_000);
    expect((await healthOf(world, 'n1')).status).toBe('ok');
  });

  it('S4: a lone first node is not well because it agrees with itself', async () => {
    const world = await CleanupWorld.of(3);
    world.lose('n2', 'n3');
    await world.wait(60_000);
    expect(bad(await healthOf(world, 'n1'))).toEqual(['clustered', 'sizes']);
    const single = await CleanupWorld.of(1);
    expect((await healthOf(single, 'n1')).status).toBe('ok');
  });

  it('S91: sees a partition from both sides, by more than one sign', async () => {
    const world = await CleanupWorld.of(3);
    world.network.partition([['n1'], ['n2', 'n3']]);
    expect(bad(await healthOf(world, 'n1'))).toEqual(['clustered', 'sizes']);
    expect(bad(await healthOf(world, 'n2'))).toEqual(['clustered', 'sizes']);
    world.network.heal({ scars: true });
    expect(bad(await healthOf(world, 'n1'))).toEqual(['partitions']);
    expect(bad(await healthOf(world, 'n2'))).toEqual(['partitions']);
  });

  it('sees that only one direction is lost', async () => {
    const world = await CleanupWorld.of(2);
    world.daemon('n1').faults.inject({
      kind: 'lie',
      verbs: ['health'],
      answer: (truth) => {
        const health = truth as { view?: { running: readonly string[] } };
        return {
          ...health,
          view: health.view && { ...health.view, running: health.view.running.filter((each) => each !== 'n1') },
        };
      },
    });
    const { checks } = await healthOf(world, 'n1');
    expect(checks).toContainEqual(
      expect.objectContaining({ name: 'clustered', evidence: 'n2 does not see this node run' }),
    );
  });

  it('does not say that the store is silent, or that nobody is listed, when it is not so', async () => {
    const world = await CleanupWorld.of(3);
    const evidenceOf = ({ checks }: HealthReport, name: string) => checks.find((each) => each.name === name);
    world.daemon('n1').faults.inject({ kind: 'fail', verbs: ['membership'], times: 1 });
    expect(evidenceOf(await healthOf(world, 'n1'), 'clustered')).toMatchObject({
      status: 'failing',
      evidence: 'the own daemon does not tell its members',
    });
    world.store.cluster('demo').overwriteRecord('{}');
    const report = await healthOf(world, 'n1');
    expect(evidenceOf(report, 'store')?.evidence).toMatch(/the record cannot be understood/);
    expect(evidenceOf(report, 'sizes')).toMatchObject({ status: 'failing', evidence: 'the record is unreadable' });
  });

  it('S25: does not crash on a store that fails, and says that it is the store', async () => {
    const world = await CleanupWorld.of(3);
    for (const fault of [
      { kind: 'fail', code: 'STORE_FORBIDDEN' },
      { kind: 'nonsense' },
      { kind: 'partial-list' },
      { kind: 'drop-request' },
    ] as const) {
      const heal = world.store.inject({ ...fault, verbs: ['list'] });
      const report = await healthOf(world, 'n1');
      expect(report.status).toBe('failing');
      expect(bad(report)).toContain('store');
      heal();
    }
  });

  it('is pending while the node forms, and failing once that has failed', async () => {
    const world = new CleanupWorld({ nodesExpectedMin: 2, formationTimeoutMs: 60_000 });
    const node = world.boot('n1');
    await world.wait(1_000);
    const report = await world.settle(node.health());
    expect([report.status, healthText(report).split(':')[0]]).toEqual(['pending', 'PENDING']);
    expect(report.checks).toContainEqual(
      expect.objectContaining({ name: 'formed', evidence: expect.stringMatching(/too-few-members/) }),
    );
    await world.wait(120_000);
    expect((await world.settle(node.health())).status).toBe('failing');
  });

  it('fails for as long as the daemon of a node that was formed is down, not only until the node stands back', async () => {
    const world = await CleanupWorld.of(3);
    const node = world.node('n3');
    world.daemon('n3').stop();
    await world.wait(1_000);
    expect([node.state.kind, (await healthOf(world, 'n3')).status]).toEqual(['formed', 'failing']);
    await world.until(() => node.state.kind === 'waiting');
    const report = await healthOf(world, 'n3');
    expect(report.status).toBe('failing');
    expect(report.checks).toContainEqual(
      expect.objectContaining({
        name: 'formed',
        status: 'failing',
        evidence: expect.stringMatching(/own-daemon-unknown/),
      }),
    );
    expect(bad(report)).toContain('daemon');
    world.daemon('n3').start();
    await world.until(() => node.state.kind === 'formed');
    await world.wait(20_000);
    expect((await healthOf(world, 'n3')).status).toBe('ok');
  });

  it('fails when the daemon is down, and when it belongs to another cluster than the record', async () => {
    const world = await CleanupWorld.of(3);
    world.daemon('n2').setReady(false);
    expect(bad(await healthOf(world, 'n2'))).toEqual(['daemon']);
    world.daemon('n3').stop();
    expect(bad(await healthOf(world, 'n3'))).toContain('daemon');
    const text = world.cluster.recordText ?? '';
    world.store.cluster('demo').overwriteRecord(text.replace(/"clusterId":"[^"]+"/, '"clusterId":"other"'));
    expect(bad(await healthOf(world, 'n1'))).toContain('record');
  });
});
