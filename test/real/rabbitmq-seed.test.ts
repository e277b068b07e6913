import { it } from 'vitest';
import { serverSuite } from '../servers/harness/suite.ts';
import { QUICK, seedScenario } from './rabbitmq/seed-scenario.ts';

serverSuite(['rabbitmq', 'etcd'], 'three RabbitMQ nodes from their formation to a store that is away', () => {
  // The exact times of the scenario: `pnpm scenario:rabbitmq`.
  it(
    'S35, S39, S44: form, lose one for good, get it back, and lose no message and no store',
    { timeout: 300_000 },
    () => seedScenario({ store: 'etcd', cleanup: QUICK }),
  );
});
