import { describe, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { testBackend } from '../src/index.js';
import { consulSubject } from './subjects/consul.js';

serverSuite(['consul'], 'the store on Consul', () => {
  testBackend('consul, a dev agent', () => consulSubject({ mode: 'dev' }), { describe, test });
});
