import { copyFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { ConsulOptions } from '@autocluster/consul';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Certificates,
  type ConsulServer,
  faultProxy,
  makeCertificates,
  makeFolder,
  removeFolder,
  startConsul,
} from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { Questions } from './questions.js';
import { recording } from './recorder.js';
import { call, failure, freshCluster, held, lockOf, recordOf, registered, registration, Servers } from './support.js';

const POLICY = readFileSync(fileURLToPath(new URL('../policy.hcl', import.meta.url)), 'utf8');
const rule = (name: string) => new RegExp(String.raw`^${name} "[^}]+\}`, 'm');

serverSuite(['consul'], 'consul: TLS and access control', () => {
  const servers = new Servers();
  let certificates: Certificates;
  let folder: string;
  const started: Partial<Record<'tls' | 'mutual' | 'expired' | 'acl', ConsulServer>> = {};
  const server = (kind: keyof typeof started): ConsulServer => {
    const found = started[kind];
    if (found === undefined) throw new Error('not started yet');
    return found;
  };
  const backend = (kind: keyof typeof started, options: Partial<ConsulOptions>) =>
    servers.backend({ cluster: freshCluster(), hosts: server(kind).httpAddress, ...options });
  const consul = new Questions(() => server('acl'));

  async function tokenWith(rules: string): Promise<string> {
    const name = freshCluster();
    await consul.ask('PUT', '/acl/policy', { Name: name, Rules: rules });
    const made = await consul.ask<{ SecretID: string }>('PUT', '/acl/token', { Policies: [{ Name: name }] });
    return made?.SecretID ?? '';
  }

  beforeAll(async () => {
    folder = makeFolder('consul-certificates');
    certificates = await makeCertificates(folder);
    const [tls, mutual, expired, acl] = await Promise.all([
      startConsul({ tls: { certificates, clientAuth: false } }),
      startConsul({ tls: { certificates } }),
      startConsul({ tls: { certificates, clientAuth: false, serverPair: certificates.expiredServer } }),
      startConsul({ acl: true }),
    ]);
    Object.assign(started, { tls, mutual, expired, acl });
  });
  afterAll(async () => {
    await servers.end();
    await Promise.all(Object.values(started).map(async (each) => each.stop()));
    await removeFolder(folder);
  });

  describe.concurrent('S68, S73: TLS', () => {
    test('an answer that arrives damaged leaves open what was done', async () => {
      const proxy = servers.keep(await faultProxy(server('tls').httpAddress));
      const store = backend('tls', { hosts: proxy.endpoint, tls: { ca: certificates.caFile } });
      const grant = held(await store.lock(lockOf('n'), call()));
      proxy.garbleReplies();
      const error = await failure(store.unlock(grant, { ...call(), record: recordOf(grant) }));
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true, outcomeUnknown: true });
    });

    test('with our authority as file or as text, and an alternative name', async () => {
      const text = readFileSync(certificates.caFile, 'utf8');
      expect((await backend('tls', { tls: { ca: certificates.caFile } }).list(call())).complete).toBe(true);
      expect((await backend('tls', { tls: { ca: text, serverName: 'localhost' } }).list(call())).complete).toBe(true);
    });

    test('all verbs, over a connection on which both sides show a certificate', async () => {
      const { certFile, keyFile } = certificates.client;
      const store = backend('mutual', { tls: { ca: certificates.caFile, cert: certFile, key: keyFile } });
      const first = registered(await store.register(registration('n'), call()));
      registered(await store.register({ ...registration('n'), held: first }, call()));
      const grant = held(await store.lock(lockOf('n'), call()));
      expect(await store.unlock(grant, call())).toEqual({ kind: 'released' });
      await store.unregister(first, call());
    });

    type Wrong = readonly [string, keyof typeof started, (all: Certificates) => ConsulOptions['tls'], RegExp];
    const pair = ({ certFile, keyFile }: Certificates['client']) => ({ cert: certFile, key: keyFile });
    const wrong: readonly Wrong[] = [
      ['an authority that did not sign the agent', 'tls', (all) => ({ ca: all.wrongCaFile }), /wrong-ca/],
      ['no authority', 'tls', () => ({}), /tls\.ca: not given/],
      [
        'a file that is missing',
        'tls',
        () => ({ ca: '/no/such/ca.crt' }),
        /tls\.ca cannot be read.*\/no\/such\/ca\.crt/,
      ],
      ['a file that is no certificate', 'tls', (all) => ({ ca: all.server.keyFile }), /server\.key/],
      ['another name than the agent has', 'tls', (all) => ({ ca: all.caFile, serverName: 'other' }), /altnames/],
      ['an expired agent', 'expired', (all) => ({ ca: all.caFile }), /expired/],
      ['no certificate of ours', 'mutual', (all) => ({ ca: all.caFile }), /tls\.cert: not given/],
      [
        'a certificate of another authority',
        'mutual',
        (all) => ({ ca: all.caFile, ...pair(all.wrongCaClient) }),
        /wrong-ca-client/,
      ],
      [
        'an expired certificate of ours',
        'mutual',
        (all) => ({ ca: all.caFile, ...pair(all.expiredClient) }),
        /expired-client/,
      ],
    ];
    test.each(wrong)('S68: %s is STORE_TLS', async (_, kind, tls, names) => {
      const error = await failure(backend(kind, { tls: tls(certificates) ?? {} }).list(call()));
      expect(error.message).toMatch(names);
      expect(error).toMatchObject({ code: 'STORE_TLS', retryable: false, outcomeUnknown: false, operation: 'list' });
    });

    test('http to an agent that speaks TLS, and TLS to one that does not, are STORE_TLS', async () => {
      const { httpAddress, plainAddress } = server('tls');
      const plain = servers.backend({ cluster: 'c', hosts: httpAddress.replace('https', 'http') });
      const secure = servers.backend({ cluster: 'c', hosts: plainAddress.replace('http', 'https') });
      expect((await failure(plain.list(call()))).code).toBe('STORE_TLS');
      expect((await failure(secure.list(call()))).code).toBe('STORE_TLS');
    });

    test('a file that was put right is read again', async () => {
      const ca = `${folder}/changing.crt`;
      copyFileSync(certificates.wrongCaFile, ca);
      const store = backend('tls', { tls: { ca } });
      expect((await failure(store.list(call()))).code).toBe('STORE_TLS');
      copyFileSync(certificates.caFile, ca);
      expect((await store.list(call())).complete).toBe(true);
    });
  });

  describe.concurrent('access control', () => {
    test('all verbs with the policy that the package ships', async () => {
      const store = backend('acl', { token: await tokenWith(POLICY) });
      const first = registered(await store.register(registration('n', { state: 'ready' }), call()));
      registered(await store.register({ ...registration('n', { state: 'ready' }), held: first }, call()));
      const grant = held(await store.lock(lockOf('n'), call()));
      expect(await store.unlock(grant, { ...call(), record: recordOf(grant) })).toEqual({ kind: 'released' });
      expect(await store.list(call())).toMatchObject({ members: [{ node: 'n' }], record: { kind: 'present' } });
      await store.unregister(first, call());
      expect(await consul.sessionsOf(store.cluster)).toEqual([]);
    });

    const needed: readonly (readonly [string, RegExp])[] = [
      ['key_prefix', /may not write autocluster\/c-[^ ]+\/state\/.*Permission denied.*'key:write' on/],
      ['session_prefix', /may not create a session.*session:write/],
      ['service', /may not write service autocluster-c-.*service:write/],
    ];
    test.each(needed)(
      'S47: without %s of the policy a registration is STORE_FORBIDDEN and names it',
      async (name, text) => {
        expect(POLICY).toMatch(rule(name));
        const store = backend('acl', { token: await tokenWith(POLICY.replace(rule(name), '')) });
        const error = await failure(store.register(registration('n'), call()));
        // The entry is there already when the service is refused.
        const outcomeUnknown = name === 'service';
        expect(error).toMatchObject({ code: 'STORE_FORBIDDEN', retryable: false, outcomeUnknown });
        expect(error.message).toMatch(text);
      },
    );

    test('without node_prefix of the policy the catalog shows nothing, which the registration tells', async () => {
      const store = backend('acl', { token: await tokenWith(POLICY.replace(rule('node_prefix'), '')) });
      const error = await failure(store.register(registration('n'), call()));
      expect(error).toMatchObject({ code: 'STORE_FAILED', outcomeUnknown: true });
      expect(error.message).toMatch(/is not in the catalog: .*node:read/);
    });

    test('S5: what the token may not read is never an empty list, nor one with less in it', async () => {
      const full = backend('acl', { token: await tokenWith(POLICY) });
      registered(await full.register(registration('a'), call()));
      registered(await full.register(registration('b'), call()));
      const root = `autocluster/${full.cluster}/state/`;
      const none = await tokenWith('');
      const part = await tokenWith(
        `key "${root}nothing" { policy = "read" } key "${root}members/a" { policy = "read" }`,
      );
      for (const token of [none, part]) {
        const error = await failure(backend('acl', { cluster: full.cluster, token }).list(call()));
        expect(error).toMatchObject({ code: 'STORE_FORBIDDEN', operation: 'list' });
      }
    });

    test('no token, and one that Consul does not know, have codes of their own', async () => {
      const anonymous = await failure(backend('acl', {}).list(call()));
      expect(anonymous).toMatchObject({ code: 'STORE_UNAUTHENTICATED', retryable: false, outcomeUnknown: false });
      expect(anonymous.message).toMatch(/refused a caller without a token: .*'key:read' on/);
      const unknown = 'c0ffee00-0000-4000-8000-000000000000';
      const error = await failure(backend('acl', { token: unknown }).list(call()));
      expect(error).toMatchObject({ code: 'STORE_UNAUTHENTICATED', retryable: false, outcomeUnknown: false });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(unknown);
    });

    test('a token that was replaced is asked for again inside the exchange, and not before', async () => {
      let asked = 0;
      const [first, second] = [await tokenWith(POLICY), await tokenWith(POLICY)];
      let token = first;
      const store = backend('acl', { token: () => ((asked += 1), token) });
      const made = registered(await store.register(registration('n'), call()));
      expect(asked).toBe(1);
      const { AccessorID } = (await consul.ask<{ AccessorID: string }[]>('GET', '/acl/tokens'))?.find(
        (each) => 'SecretID' in each && each.SecretID === first,
      ) ?? { AccessorID: '' };
      await consul.ask('DELETE', `/acl/token/${AccessorID}`);
      token = second;
      expect(registered(await store.register({ ...registration('n'), held: made }, call())).ref).toBe(made.ref);
      expect(asked).toBeGreaterThan(1);
    });

    test('a token function that throws or returns nothing is STORE_UNAUTHENTICATED', async () => {
      const throws = (): string => {
        throw new TypeError('cannot read hunter2');
      };
      for (const token of [throws, () => '', () => 'hunter2 hunter2']) {
        const error = await failure(backend('acl', { token }).list(call()));
        expect(error).toMatchObject({ code: 'STORE_UNAUTHENTICATED', outcomeUnknown: false });
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
      }
    });
  });

  test('S66, S67: the token is in a header only, and whatever changes something is a PUT', async () => {
    const token = await tokenWith(POLICY);
    const recorder = servers.keep(await recording(server('acl').httpAddress));
    const store = backend('acl', { hosts: recorder.url, token });
    const first = registered(await store.register(registration('n'), call()));
    const grant = held(await store.lock(lockOf('n'), call()));
    await store.list(call());
    await store.unlock(grant, call());
    await store.unregister(first, call());
    const { requests } = recorder;
    expect(requests.length).toBeGreaterThan(10);
    for (const { url, headers } of requests.filter((each) => each.url !== '/v1/status/leader')) {
      expect(url).not.toContain(token);
      expect(headers['x-consul-token']).toBe(token);
    }
    const reads = requests.filter(({ method }) => method === 'GET').map(({ url }) => url.replace(/\?.*/, ''));
    expect(reads.every((url) => /^\/v1\/(status|kv|connect|agent\/service|health)\//.test(url))).toBe(true);
    expect(new Set(requests.map(({ method }) => method))).toEqual(new Set(['GET', 'PUT']));
  });
});
