import { describe, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { testBackend } from '../src/index.js';
import { consulSubject } from './subjects/consul.js';

serverSuite(['consul'], 'the store on Consul', () => {
  const guarded = { mode: 'server', acl: true, tls: true } as const;
  testBackend('consul, a server with data, access control and TLS', () => consulSubject(guarded), { describe, test });
});
