import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openProxy } from '@autocluster/conformance';
import { etcd } from '@autocluster/etcd';
import { local } from '@autocluster/local';
import { describe, expect, test } from 'vitest';
import { startEtcd } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { keep, type Operation, verdictOn } from './history.ts';
import { type Contender, Workload } from './workload.ts';

const CONTENDERS = [0, 1, 2, 3];
const seed = Number(process.env.AUTOCLUSTER_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A history of contenders for one lock, which must be linearizable; the seed decides faults and choices. */
async function judge(name: string, contenders: readonly Contender[], forMs: number): Promise<void> {
  const history = await new Workload(contenders, seed, forMs).run();
  await Promise.all(contenders.map(({ backend }) => backend.close()));
  const count = (answer: Operation['answer']) => history.filter((each) => each.answer === answer).length;
  console.log(`${name}, seed ${seed}: ${history.length} calls, ${count('held')} held, ${count('unknown')} unknown`);
  expect(count('released')).toBeGreaterThan(10);
  const verdict = await verdictOn(history);
  if (verdict !== 'linearizable') expect.fail(`${verdict}, seed ${seed}: ${keep(history, name)}`);
}

serverSuite(['lincheck'], 'locks and record of the embedded store', () => {
  test('are linearizable', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'autocluster-lin-'));
    const contenders = CONTENDERS.map(() => ({ backend: local({ cluster: 'lin', folder }), faults: undefined }));
    await judge('local', contenders, 4000);
    rmSync(folder, { recursive: true, force: true });
  });
});

serverSuite(['etcd', 'lincheck'], 'locks and record on etcd', () => {
  test('are linearizable while answers get lost, late and cut', async () => {
    const server = await startEtcd({});
    const proxies = await Promise.all(CONTENDERS.map(() => openProxy(server.endpoint)));
    const contenders = proxies.map((faults) => ({ backend: etcd({ cluster: 'lin', hosts: faults.url }), faults }));
    try {
      await judge('etcd', contenders, 10_000);
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await server.stop();
    }
  });
});

const call = (client: number, verb: Operation['verb'], at: number, rest: Partial<Operation>): Operation => {
  const blank = { attempt: `${client}`, record: '', token: 0, answer: 'unknown' } as const;
  return { client, verb, ...blank, call: at, return: at + 1, ...rest };
};

serverSuite(['lincheck'], 'the checker', () => {
  const first = call(1, 'lock', 0, { answer: 'held', token: 5 });
  const released = call(1, 'unlock', 10, { answer: 'released' });
  const committed = call(1, 'commit', 10, { answer: 'released', record: 'x' });

  describe('accepts', () => {
    test.for<[string, readonly Operation[]]>([
      ['one holder after another', [first, released, call(2, 'lock', 20, { answer: 'held', token: 6 })]],
      [
        'an unknown release that took effect',
        [first, call(1, 'unlock', 10, { return: 99 }), call(2, 'lock', 20, { answer: 'held', token: 6 })],
      ],
      [
        'an unknown attempt that a repeat finds',
        [
          call(1, 'lock', 0, { return: 99 }),
          call(2, 'lock', 5, { answer: 'busy' }),
          call(1, 'lock', 10, { answer: 'held', token: 1 }),
        ],
      ],
      ['a repeated commit', [first, committed, call(1, 'commit', 20, { answer: 'released', record: 'x' })]],
    ])('%s', async ([, history]) => expect(await verdictOn(history)).toBe('linearizable'));
  });

  describe('rejects', () => {
    test.for<[string, readonly Operation[]]>([
      ['two holders', [first, call(2, 'lock', 5, { answer: 'held', token: 6 }), released]],
      ['a token that does not grow', [first, released, call(2, 'lock', 20, { answer: 'held', token: 5 })]],
      ['another token for a repeat', [first, call(1, 'lock', 5, { answer: 'held', token: 6 })]],
      ['busy, and nobody is there', [first, released, call(2, 'lock', 20, { answer: 'busy' })]],
      [
        'a commit that is lost, and was written',
        [first, { ...committed, answer: 'lost' }, call(2, 'read', 20, { answer: 'seen', record: 'x' })],
      ],
      [
        'a commit after the lock went to another',
        [
          first,
          released,
          call(2, 'lock', 20, { answer: 'held', token: 6 }),
          call(1, 'commit', 30, { answer: 'released', record: 'y' }),
        ],
      ],
      ['a record that a read does not show', [first, committed, call(2, 'read', 20, { answer: 'seen' })]],
      [
        'a renewal that is held after the release',
        [first, released, call(1, 'renew', 20, { answer: 'held', token: 5 })],
      ],
    ])('%s', async ([, history]) => expect(await verdictOn(history)).toBe('not linearizable'));
  });
});
