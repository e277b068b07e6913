import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NAMESPACE } from '../../../test/backends/kubernetes.js';
import { makeFolder, removeFolder } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { allVerbs, call, failure, sharedServer } from './support.js';

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: kubeconfig', () => {
  const shared = sharedServer();
  let folder: string;
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(async () => {
    folder = makeFolder('kubernetes-kubeconfig');
  });
  afterAll(async () => {
    await removeFolder(folder);
  });

  describe.concurrent('kubeconfig', () => {
    const config = (user: object, more: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: { server: shared.server.server, 'certificate-authority': shared.server.caFile, ...more },
        },
      ],
      users: [{ name: 'u', user }],
      contexts: [
        { name: 'right', context: { cluster: 'c', user: 'u', namespace: NAMESPACE } },
        { name: 'nowhere', context: { cluster: 'c', user: 'u', namespace: 'nowhere' } },
      ],
      'current-context': 'right',
    });
    const openConfig = (kubeconfig: string, context?: string) =>
      shared.backend({ cluster: shared.options().cluster, kubeconfig, owner: 'none', ...(context ? { context } : {}) });

    test('a token in it', async () => {
      await allVerbs(openConfig(file('token.json', JSON.stringify(config({ token: shared.token('explicit') })))));
    });

    test('a program that tells the token', async () => {
      const status = { token: shared.token('explicit') };
      const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status };
      const command = file('tells-token.sh', `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
      chmodSync(command, 0o700);
      const exec = { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' };
      await allVerbs(openConfig(file('exec.json', JSON.stringify(config({ exec })))));
    });

    test('another context is another namespace', async () => {
      const path = file('contexts.json', JSON.stringify(config({ token: shared.server.adminToken })));
      expect((await failure(openConfig(path, 'nowhere').list(call()))).message).toContain('"nowhere" not found');
    });

    test('S75: nothing of a file that cannot be understood is shown, nor of what a program says instead of a token', async () => {
      const secret = 'never-shown';
      const says = file('says.sh', `#!/bin/sh\necho ${secret}\n`);
      chmodSync(says, 0o700);
      const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: says, interactiveMode: 'Never' };
      const texts = {
        'half.yaml': `users:\n- name: u\n  user:\n    token: ${secret}\n   broken: [\n`,
        'alias.yaml': `users:\n- name: u\n  user:\n    password: *${secret}\n`,
        'half.json': `{"users":[{"name":"u","user":{"token":"${secret}"}}`,
        'says.json': JSON.stringify(config({ exec })),
      };
      const errors = await Promise.all(
        Object.entries(texts).map(([name, text]) => failure(openConfig(file(name, text)).list(call()))),
      );
      for (const error of errors) {
        expect(error).toMatchObject({ code: 'STORE_UNAUTHENTICATED', outcomeUnknown: false });
        expect(inspect(error, { depth: 9 })).not.toContain(secret.slice(0, 5));
      }
      expect(errors[0]?.message).toMatch(/half\.yaml cannot be used: .* line 5/);
      expect(errors[3]?.message).toContain('no JSON');
    });

    test.each([
      ['a file that is missing', '/no/such/config', undefined, /\/no\/such\/config cannot be used: ENOENT/],
      ['a context that is missing', 'contexts', 'other', /no context "other"/],
    ])('%s is STORE_UNAUTHENTICATED', async (_, path, context, names) => {
      const kubeconfig = path === 'contexts' ? file('other.json', JSON.stringify(config({ token: 'x' }))) : path;
      const error = await failure(openConfig(kubeconfig, context).list(call()));
      expect(error).toMatchObject({ code: 'STORE_UNAUTHENTICATED', outcomeUnknown: false });
      expect(error.message).toMatch(names);
    });
  });
});
