import { describe, expect, test } from 'vitest';
import { driverSubject, runDriverCases, testDriver } from '../src/index.js';
import { processSubject, simulatedSubject } from './subjects/drivers.js';

testDriver('processDriver', processSubject, { describe, test });
testDriver('simulated daemons', () => simulatedSubject('simulated'), { describe, test });
testDriver(
  'simulated daemons without data',
  () => simulatedSubject('simulated, data: none', { data: 'none', views: 'registration', concurrentJoins: false }),
  { describe, test },
);

test('a driver that spares whoever answers fails the case about a member that lost its data', async () => {
  const good = simulatedSubject('it spares whoever answers');
  const subject = driverSubject({
    ...good,
    async world(nodes) {
      const world = await good.world(nodes);
      const driver: typeof world.driver = (node) => {
        const one = world.driver(node);
        const forget: typeof one.forget = async (request, call) => {
          const { status } = await one.health({ node: request.node, listed: undefined }, call);
          if (status === 'up') throw new Error('it runs');
          await one.forget(request, call);
        };
        return new Proxy(one, {
          get(target, key) {
            if (key === 'forget') return forget;
            const value: unknown = Reflect.get(target, key);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      };
      return { ...world, driver };
    },
  });
  const { results } = await runDriverCases(subject);
  expect(results.filter(({ status }) => status === 'failed').map(({ id }) => id)).toEqual(['DRV-024']);
});
