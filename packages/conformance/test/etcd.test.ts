import { describe, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { testBackend } from '../src/index.js';
import { etcdSubject } from './subjects/etcd.js';

serverSuite(['etcd'], 'the store on etcd', () => {
  for (const layout of ['autocluster', 'rabbitmq'] as const) {
    testBackend(`etcd, layout ${layout}`, () => etcdSubject(layout), { describe, test });
  }
});
