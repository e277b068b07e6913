import { inspect } from 'node:util';
import { kubernetes, type KubernetesOptions } from '@autocluster/kubernetes';
import { describe, expect, test } from 'vitest';
import { refusesEncodedPem } from '../../../test/backends/options.js';
import { parseOptions } from '../src/config.js';

const POD = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
const server = 'https://kubernetes.example:6443';
const parsed = (options: Partial<KubernetesOptions>, env: Readonly<Record<string, string>> = {}) =>
  parseOptions({ cluster: 'c', ...options }, env);
const directIn = (options: Partial<KubernetesOptions>, env?: Readonly<Record<string, string>>) => {
  const { access } = parsed(options, env);
  if (access.kind !== 'direct') throw new Error('not direct');
  return access;
};

function refusal(options: unknown): Error & { option?: string; value?: unknown; allowed?: string; code?: string } {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JavaScript callers may pass
    kubernetes(options as KubernetesOptions);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('where and who', () => {
  test('S52: a pod takes the address from its environment, never from a name in DNS', () => {
    const account = '/var/run/secrets/kubernetes.io/serviceaccount';
    expect(directIn({}, POD)).toMatchObject({
      server: 'https://10.0.0.1',
      tokenFile: `${account}/token`,
      namespaceFile: `${account}/namespace`,
      tls: { ca: `${account}/ca.crt`, verify: true },
    });
    expect(directIn({}, { ...POD, KUBERNETES_SERVICE_PORT: '6443' }).server).toBe('https://10.0.0.1:6443');
  });

  test('S55: IPv6 addresses, in the environment without brackets', () => {
    expect(directIn({}, { ...POD, KUBERNETES_SERVICE_HOST: 'fd00::1' }).server).toBe('https://[fd00::1]');
    expect(directIn({ server: 'https://[fd00::1]:6443/' }).server).toBe('https://[fd00::1]:6443');
  });

  test('each option replaces its part of what a pod finds', () => {
    const all = directIn({ namespace: 'n', tokenFile: '/t', tls: { ca: '/ca' } }, POD);
    expect(all).toMatchObject({ namespace: 'n', tokenFile: '/t', tls: { ca: '/ca' } });
    expect(directIn({ token: 'x' }, POD)).toMatchObject({ tokenFile: undefined });
    expect(directIn({ tls: { cert: '/c', key: '/k' } }, POD)).toMatchObject({ tokenFile: undefined });
  });

  test('a server of its own knows nothing of the pod', () => {
    expect(directIn({ server }, POD)).toMatchObject({ server, tokenFile: undefined, tls: { verify: true } });
    expect(directIn({ server: 'https://proxy.example/k8s/' }).server).toBe('https://proxy.example/k8s');
  });

  test('the owner is the pod that the environment names, both names given', () => {
    expect(parsed({ server }, { POD_NAME: 'p', POD_UID: 'u' }).owner).toEqual({ name: 'p', uid: 'u' });
    expect(parsed({ server }, { POD_NAME: 'p' }).owner).toBeUndefined();
    expect(parsed({ server, owner: 'none' }, { POD_NAME: 'p', POD_UID: 'u' }).owner).toBeUndefined();
  });
});

describe('what is refused', () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['no cluster', { server }, 'cluster'],
    ['a cluster with a slash', { cluster: 'a/b', server }, 'cluster'],
    ['an unknown option', { cluster: 'c', server, host: 'a' }, 'host'],
    ['no server outside of a pod', { cluster: 'c' }, 'server'],
    ['a server without a scheme', { cluster: 'c', server: 'a:6443' }, 'server'],
    ['a server with a query', { cluster: 'c', server: `${server}/?a=b` }, 'server'],
    ['tls without https', { cluster: 'c', server: 'http://a', tls: { ca: 'x' } }, 'server'],
    ['an unknown option of tls', { cluster: 'c', server, tls: { caFile: 'a' } }, 'caFile'],
    ['a certificate without a key', { cluster: 'c', server, tls: { cert: 'x' } }, 'tls.key'],
    ['verify that is no flag', { cluster: 'c', server, tls: { verify: 'no' } }, 'tls.verify'],
    ['token and tokenFile', { cluster: 'c', server, token: 'a', tokenFile: 'b' }, 'tokenFile'],
    ['a namespace that is none', { cluster: 'c', server, namespace: 'A_b' }, 'namespace'],
    ['kubeconfig and server', { cluster: 'c', server, kubeconfig: 'a' }, 'server'],
    ['context without kubeconfig', { cluster: 'c', server, context: 'a' }, 'context'],
    ['members that are neither', { cluster: 'c', server, members: 'pods' }, 'members'],
    ['members without a Service', { cluster: 'c', server, members: {} }, 'members.service'],
    ['an unknown option of members', { cluster: 'c', server, members: { service: 's', port: 1 } }, 'port'],
    ['another address', { cluster: 'c', server, members: { service: 's', address: 'mac' } }, 'members.address'],
    ['a prefix with a slash', { cluster: 'c', server, members: { service: 's', prefix: 'a/' } }, 'members.prefix'],
    ['an owner without uid', { cluster: 'c', server, owner: { name: 'a' } }, 'owner.uid'],
    ['no options', undefined, 'options'],
  ];
  test.each(cases)('%s', (_, options, option) => {
    expect(refusal(options)).toMatchObject({ code: 'INVALID_OPTION', option, allowed: expect.any(String) });
  });
});

test('S75: secrets are neither in errors nor in what inspect shows', () => {
  const secret = 'hunter2-secret';
  const key = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`;
  const shown = [
    refusal({ cluster: 'c', server, token: { secret } }),
    refusal({ cluster: 'c', server: `https://root:${secret}@a` }),
    refusal({ cluster: 'c', server, tls: { key } }),
    kubernetes({ cluster: 'c', server, token: secret, tls: { ca: key, cert: key, key } }),
  ].map((each) => inspect(each, { depth: 10, showHidden: true }) + JSON.stringify(each));
  for (const text of shown) expect(text).not.toContain(secret);
});

test.each(['ca', 'cert', 'key'])(
  'S75: tls.%s that is given as base64, as a kubeconfig holds it, is refused and not shown as the name of a file',
  (name) => refusesEncodedPem(refusal, { server }, name),
);

test('the manifest says what each source of members can do', () => {
  const explicit = kubernetes({ cluster: 'c', server }).capabilities;
  const platform = kubernetes({ cluster: 'c', server, members: { service: 's' } }).capabilities;
  expect(explicit).toMatchObject({ registration: 'explicit', metadata: true, listConsistency: 'linearizable' });
  expect(explicit).toMatchObject({ ordered: false, lock: 'fenced', record: 'atomic' });
  expect(platform).toMatchObject({ registration: 'platform', metadata: false, listConsistency: 'eventual' });
  // A list of pods may be late whatever its revision says: the core removes nobody on its word.
  expect(platform.tokenIsRevision).toBeUndefined();
});
