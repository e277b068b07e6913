import { expect, it } from 'vitest';
import { startEtcd } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { withFleet } from './crash-kit.ts';
import { formations } from './formations.ts';

const ROUNDS = 10;
const PROCESSES = 8;

serverSuite(['etcd'], 'S1, S7: eight processes that start at the same moment', () => {
  it('form one cluster on the embedded store, every time', () =>
    withFleet(async (fleet) => {
      const store = { folder: `${fleet.folder}/store` };
      const rounds = await formations({ rounds: ROUNDS, processes: PROCESSES, store, fleet });
      expect(rounds.flatMap(({ violation }) => violation ?? [])).toEqual([]);
    }));

  it('form one cluster on etcd, every time', async () => {
    const etcd = await startEtcd();
    try {
      await withFleet(async (fleet) => {
        const store = { hosts: [etcd.endpoint] };
        const rounds = await formations({ rounds: ROUNDS, processes: PROCESSES, store, fleet });
        expect(rounds.flatMap(({ violation }) => violation ?? [])).toEqual([]);
      });
    } finally {
      await etcd.stop();
    }
  });
});
