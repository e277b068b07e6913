import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Epmd, nothingLeftOf, type RabbitmqNode, startEpmd, startRabbitmq } from './harness/index.ts';
import { serverSuite } from './harness/suite.ts';

const cookie = 'acookieofthetests';

serverSuite(['rabbitmq'], 'two RabbitMQ nodes', () => {
  let epmd: Epmd;
  let nodes: readonly RabbitmqNode[] = [];
  beforeAll(async () => {
    epmd = await startEpmd();
    nodes = await Promise.all([startRabbitmq({ epmd, cookie }), startRabbitmq({ epmd, cookie })]);
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await epmd.stop();
  });

  const nodeAt = (index: number) => nodes[index] ?? expect.fail(`no node ${index}`);

  const statusOf = async (node: RabbitmqNode): Promise<unknown> => {
    const { stdout } = await node.rabbitmqctl(['--formatter', 'json', 'cluster_status']);
    return JSON.parse(stdout);
  };

  it('are alone at first', async () => {
    const [first, second] = [nodeAt(0), nodeAt(1)];
    expect(await statusOf(first)).toMatchObject({ running_nodes: [first.nodename] });
    expect(await statusOf(second)).toMatchObject({ running_nodes: [second.nodename] });
  });

  it('can join', async () => {
    const [first, second] = [nodeAt(0), nodeAt(1)];
    for (const step of [['stop_app'], ['join_cluster', first.nodename], ['start_app']]) {
      expect(await second.rabbitmqctl(step)).toMatchObject({ exitCode: 0 });
    }
    const both = expect.arrayContaining([first.nodename, second.nodename]);
    expect(await statusOf(first)).toMatchObject({ running_nodes: both });
  });

  it('keep their data over a kill', async () => {
    const first = nodeAt(0);
    await first.rabbitmqctl(['add_vhost', 'kept']);
    await first.kill();
    await first.restart();
    expect(await first.rabbitmqctl(['-q', 'list_vhosts'])).toMatchObject({ stdout: expect.stringMatching(/^kept$/m) });
  });

  it('leave nothing', async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await epmd.stop();
    await Promise.all(nodes.map((node) => nothingLeftOf(node)));
    await nothingLeftOf(epmd);
  });
});
