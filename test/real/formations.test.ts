import { expect, it } from 'vitest';
import { formations } from './formations.ts';
import { withFleet } from './processes/kit.ts';
import { storeSuites, testTimeout } from './stores.ts';

const ROUNDS = 10;
const PROCESSES = 8;

storeSuites('S1, S7: eight processes that start at the same moment', 'start', (store) => {
  it('form one cluster, every time', { timeout: testTimeout(store) }, async () => {
    const running = await store.start();
    try {
      await withFleet(async (fleet) => {
        const common = { store: running.spec, fleet, ttlMs: 3 * store.ttlMs };
        const rounds = await formations({ ...common, rounds: ROUNDS, processes: PROCESSES });
        expect(rounds.flatMap(({ violation }) => violation ?? [])).toEqual([]);
      });
    } finally {
      await running.stop();
    }
  });
});
