import { type BackendSubject, testBackend } from '@autocluster/conformance';
import { describe, test } from 'vitest';
import { startPostgres } from '../../../test/servers/harness/index.ts';
import { serverSuite } from '../../../test/servers/harness/suite.ts';

serverSuite(['postgres'], 'the store of examples/custom-backend on PostgreSQL', () => {
  testBackend(
    'postgres',
    async () => {
      const server = await startPostgres();
      process.env.POSTGRES_URL = server.url;
      const { default: subject }: { default: BackendSubject } = await import('../subject.mjs');
      return {
        ...subject,
        restart: () => server.restart(),
        async close() {
          await subject.close?.();
          await server.stop();
        },
      };
    },
    { describe, test },
  );
});
