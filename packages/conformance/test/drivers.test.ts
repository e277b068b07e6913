import { describe, test } from 'vitest';
import { testDriver } from '../src/index.js';
import { processSubject, simulatedSubject } from './subjects/drivers.js';

testDriver('processDriver', processSubject, { describe, test });
testDriver('simulated daemons', () => simulatedSubject('simulated'), { describe, test });
testDriver(
  'simulated daemons without data',
  () => simulatedSubject('simulated, data: none', { data: 'none', views: 'registration', concurrentJoins: false }),
  { describe, test },
);
