import { copyFileSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import type { EtcdOptions } from '@autocluster/etcd';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Certificates,
  type EtcdServer,
  faultProxy,
  makeCertificates,
  makeFolder,
  removeFolder,
  startEtcd,
} from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, failure, freshCluster, held, lockOf, recordOf, registered, registration, Servers } from './support.js';

const PASSWORD = 'wonder-land';
const alice = { user: 'alice', password: PASSWORD };

serverSuite(['etcd', 'etcdctl'], 'etcd: TLS and authentication', () => {
  const servers = new Servers();
  let certificates: Certificates;
  let folder: string;
  const started: Record<'tls' | 'mutual' | 'expired' | 'auth', EtcdServer | undefined> = {
    tls: undefined,
    mutual: undefined,
    expired: undefined,
    auth: undefined,
  };
  const hosts = (kind: keyof typeof started) => started[kind]?.endpoint ?? '';
  const backend = (kind: keyof typeof started, options: Partial<EtcdOptions>) =>
    servers.backend({ cluster: freshCluster(), hosts: hosts(kind), ...options });

  beforeAll(async () => {
    folder = makeFolder('etcd-certificates');
    certificates = await makeCertificates(folder);
    const auth = {
      rootPassword: 'root',
      users: [
        { name: 'alice', password: PASSWORD, prefix: '/autocluster/' },
        { name: 'bob', password: PASSWORD, prefix: '/elsewhere/' },
      ],
    };
    const [tls, mutual, expired, withAuth] = await Promise.all([
      startEtcd({ tls: { certificates, clientAuth: false } }),
      startEtcd({ tls: { certificates } }),
      startEtcd({ tls: { certificates, clientAuth: false, serverPair: certificates.expiredServer } }),
      startEtcd({ auth, authTokenTtlSeconds: 300 }),
    ]);
    Object.assign(started, { tls, mutual, expired, auth: withAuth });
  });
  afterAll(async () => {
    await servers.end();
    await Promise.all(Object.values(started).map(async (server) => server?.stop()));
    await removeFolder(folder);
  });

  describe.concurrent('S73: TLS', () => {
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

    const wrong: readonly (readonly [
      string,
      keyof typeof started,
      (all: Certificates) => EtcdOptions['tls'],
      RegExp,
    ])[] = [
      ['an authority that did not sign the server', 'tls', (all) => ({ ca: all.wrongCaFile }), /wrong-ca/],
      ['no authority', 'tls', () => ({}), /tls\.ca: not given/],
      [
        'a file that is missing',
        'tls',
        () => ({ ca: '/no/such/ca.crt' }),
        /tls\.ca cannot be read.*\/no\/such\/ca\.crt/,
      ],
      ['a file that is no certificate', 'tls', (all) => ({ ca: all.server.keyFile }), /server\.key/],
      ['another name than the server has', 'tls', (all) => ({ ca: all.caFile, serverName: 'other' }), /altnames/],
      ['an expired server', 'expired', (all) => ({ ca: all.caFile }), /expired/],
      ['no certificate of ours', 'mutual', (all) => ({ ca: all.caFile }), /tls\.cert: not given/],
      [
        'a certificate of another authority',
        'mutual',
        (all) => ({ ca: all.caFile, cert: all.wrongCaClient.certFile, key: all.wrongCaClient.keyFile }),
        /wrong-ca-client/,
      ],
      [
        'an expired certificate of ours',
        'mutual',
        (all) => ({ ca: all.caFile, cert: all.expiredClient.certFile, key: all.expiredClient.keyFile }),
        /expired-client/,
      ],
    ];
    test.each(wrong)('S56: %s is STORE_TLS', async (_, kind, tls, names) => {
      const error = await failure(backend(kind, { tls: tls(certificates) ?? {} }).list(call()));
      expect(error.message).toMatch(names);
      expect(error).toMatchObject({ code: 'STORE_TLS', retryable: false, outcomeUnknown: false, operation: 'list' });
    });

    test('an answer that arrives damaged leaves open what was done', async () => {
      const proxy = servers.keep(await faultProxy(hosts('tls')));
      const store = backend('tls', { hosts: proxy.endpoint, tls: { ca: certificates.caFile } });
      const grant = held(await store.lock(lockOf('n'), call()));
      proxy.garbleReplies();
      const error = await failure(store.unlock(grant, { ...call(), record: recordOf(grant) }));
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true, outcomeUnknown: true });
    });

    test('a corrected file is read without a new backend', async () => {
      const ca = `${folder}/rotated.crt`;
      copyFileSync(certificates.wrongCaFile, ca);
      const store = backend('tls', { tls: { ca } });
      expect((await failure(store.list(call()))).code).toBe('STORE_TLS');
      copyFileSync(certificates.caFile, ca);
      expect((await store.list(call())).complete).toBe(true);
    });
  });

  describe.concurrent('S73: users', () => {
    test('all verbs with the permission for the prefix', async () => {
      const store = backend('auth', alice);
      const first = registered(await store.register(registration('n'), call()));
      registered(await store.register({ ...registration('n'), held: first }, call()));
      const grant = held(await store.lock(lockOf('n'), call()));
      expect(await store.unlock(grant, call())).toEqual({ kind: 'released' });
      const watch = store.watch?.(call())[Symbol.asyncIterator]();
      expect((await watch?.next())?.value).toBe('changed');
      await watch?.return?.();
      await store.unregister(first, call());
    });

    test.each(['register', 'list', 'lock', 'watch'] as const)(
      'S47: %s without the permission is STORE_FORBIDDEN and names user and keys',
      async (verb) => {
        const store = backend('auth', { ...alice, user: 'bob' });
        const work = {
          register: () => store.register(registration('n'), call()),
          list: () => store.list(call()),
          lock: () => store.lock(lockOf('n'), call()),
          watch: async () => store.watch?.(call())[Symbol.asyncIterator]().next(),
        };
        const error = await failure(work[verb]());
        expect(error).toMatchObject({ code: 'STORE_FORBIDDEN', retryable: false, outcomeUnknown: false });
        expect(error.message).toMatch(new RegExp(`user "bob" may not .*/autocluster/${store.cluster}/`));
      },
    );

    test('a wrong password, an unknown user, and no user are STORE_UNAUTHENTICATED', async () => {
      const errors = await Promise.all([
        failure(backend('auth', { user: 'alice', password: 'hunter2' }).list(call())),
        failure(backend('auth', { user: 'nobody', password: 'hunter2' }).list(call())),
        failure(backend('auth', {}).list(call())),
      ]);
      for (const error of errors) {
        expect(error).toMatchObject({ code: 'STORE_UNAUTHENTICATED', outcomeUnknown: false });
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
      }
    });

    test('a password that was changed is asked for again', async () => {
      let password = 'not yet';
      const store = backend('auth', { user: 'alice', password: () => password });
      expect((await failure(store.list(call()))).code).toBe('STORE_UNAUTHENTICATED');
      password = PASSWORD;
      expect((await store.list(call())).complete).toBe(true);
    });

    test('a password function that throws or returns nothing is STORE_UNAUTHENTICATED', async () => {
      const throws = (): string => {
        throw new TypeError('cannot read hunter2');
      };
      for (const password of [throws, () => '']) {
        const error = await failure(backend('auth', { user: 'alice', password }).list(call()));
        expect(error).toMatchObject({ code: 'STORE_UNAUTHENTICATED', outcomeUnknown: false });
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
      }
    });

    test('credentials for a store without users do no harm', async () => {
      const plain = await startEtcd();
      try {
        const store = servers.backend({ cluster: 'c', hosts: plain.endpoint, ...alice });
        expect((await store.list(call())).complete).toBe(true);
        await store.close();
      } finally {
        await plain.stop();
      }
    });
  });

  test('a token that etcd has forgotten is replaced inside the exchange, for calls and for streams', {
    timeout: 30_000,
  }, async () => {
    const store = backend('auth', alice);
    const first = registered(await store.register(registration('n'), call()));
    const grant = held(await store.lock(lockOf('n'), call()));
    // Simple tokens live in memory only.
    await started.auth?.restart();
    const renewed = await store.register({ ...registration('n'), held: first }, call());
    expect(registered(renewed).ref).toBe(first.ref);
    held(await store.lock({ ...lockOf('n'), held: grant }, call()));
    const watch = store.watch?.(call())[Symbol.asyncIterator]();
    expect((await watch?.next())?.value).toBe('changed');
    await watch?.return?.();
  });
});
