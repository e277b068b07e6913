import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { systemClock } from '@autocluster/core/runtime';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bindRole, NAMESPACE, shippedRole } from '../../../test/backends/kubernetes.js';
import { faultProxy, type KubernetesServer, makeFolder, removeFolder } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import type { KubernetesOptions } from '../src/config.js';
import { Interceptor } from './intercept.js';
import { allVerbs, call, failure, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

/** As much later as nobody wants to wait. */
const later = (ms: number) => ({ ...systemClock, monotonicMs: () => systemClock.monotonicMs() + ms });

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: TLS and credentials', () => {
  const shared = sharedServer();
  let folder: string;
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const open = (changes: Partial<KubernetesOptions>) => shared.backend(shared.options(changes));

  beforeAll(async () => {
    folder = makeFolder('kubernetes-credentials');
  });
  afterAll(async () => {
    await removeFolder(folder);
  });

  describe.concurrent('S56: TLS', () => {
    test('with our authority as file or as text, an alternative name, or without any check', async () => {
      const { caFile, certificates } = shared.server;
      await allVerbs(open({ tls: { ca: caFile } }));
      await allVerbs(open({ tls: { ca: readFileSync(caFile, 'utf8'), serverName: 'localhost' } }));
      await allVerbs(open({ tls: { ca: certificates.wrongCaFile, verify: false } }));
    });

    test.each<[string, (server: KubernetesServer) => KubernetesOptions['tls'], RegExp]>([
      [
        'an authority that did not sign the server',
        ({ certificates }) => ({ ca: certificates.wrongCaFile }),
        /wrong-ca/,
      ],
      ['no authority', () => ({}), /tls\.ca: not given/],
      ['a file that is missing', () => ({ ca: '/no/such/ca.crt' }), /tls\.ca cannot be read.*\/no\/such\/ca\.crt/],
      ['a file that is no certificate', ({ certificates }) => ({ ca: certificates.server.keyFile }), /server\.key/],
      ['another name than the server has', ({ caFile }) => ({ ca: caFile, serverName: 'other' }), /altnames/],
    ])('%s is STORE_TLS and names what to look at', async (_, tls, names) => {
      const error = await failure(open({ tls: tls(shared.server) ?? {} }).list(call()));
      expect(error.message).toMatch(names);
      expect(error).toMatchObject({ code: 'STORE_TLS', retryable: false, outcomeUnknown: false, operation: 'list' });
    });

    test('an expired server', async () => {
      const { server } = shared;
      const front = shared.keep(await new Interceptor(server, server.certificates.expiredServer).start());
      const error = await failure(open({ server: front.url }).list(call()));
      expect(error).toMatchObject({ code: 'STORE_TLS', message: expect.stringContaining('expired') });
    });

    test('an answer that arrives damaged leaves open what was done', async () => {
      const proxy = shared.keep(await faultProxy(shared.server.server));
      const store = open({ server: proxy.endpoint });
      const grant = held(await store.lock(lockOf('n'), call()));
      proxy.garbleReplies();
      const error = await failure(store.unlock(grant, { ...call(), record: recordOf(grant) }));
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true, outcomeUnknown: true });
    });

    test('a corrected file is read without a new backend', async () => {
      const ca = join(folder, 'rotated.crt');
      copyFileSync(shared.server.certificates.wrongCaFile, ca);
      const store = open({ tls: { ca } });
      expect((await failure(store.list(call()))).code).toBe('STORE_TLS');
      copyFileSync(shared.server.caFile, ca);
      expect((await store.list(call())).complete).toBe(true);
    });
  });

  describe.concurrent('who we are', () => {
    test('a client certificate instead of a token', async () => {
      await bindRole(shared.server, 'by-certificate', { user: 'autocluster' }, shippedRole('explicit').rules);
      const { certFile: cert, keyFile: key } = shared.server.certificates.client;
      const { token: _, ...rest } = shared.options({ tls: { ca: shared.server.caFile, cert, key } });
      await allVerbs(shared.backend(rest));
    });

    test('S52: in a pod the environment tells the address, and files tell the rest', async () => {
      const { port, hostname } = new URL(shared.server.server);
      vi.stubEnv('KUBERNETES_SERVICE_HOST', hostname);
      vi.stubEnv('KUBERNETES_SERVICE_PORT', port);
      const tokenFile = file('pod-token', `${shared.token('explicit')}\n`);
      const { server: _, token: __, ...rest } = shared.options({ tls: { ca: shared.server.caFile } });
      const store = shared.backend({ ...rest, tokenFile });
      vi.unstubAllEnvs();
      await allVerbs(store);
    });

    test('a token that has been withdrawn is replaced by what its file says by then, for calls and for streams', async () => {
      const first = await shared.allow('rotating', shippedRole('explicit').rules);
      const tokenFile = file('rotating-token', first);
      const { token: _, ...rest } = shared.options({ tokenFile });
      const store = shared.backend(rest);
      const entry = registered(await store.register(registration('n'), call()));
      const account = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/rotating`;
      expect((await shared.server.api(account, { method: 'DELETE' })).status).toBe(200);
      await vi.waitFor(
        async () => expect((await failure(store.list(call()))).code).toBe('STORE_UNAUTHENTICATED'),
        20_000,
      );
      const error = await failure(store.register({ ...registration('n'), held: entry }, call()));
      expect(error).toMatchObject({ retryable: false, outcomeUnknown: false });
      expect(error.message).toContain(tokenFile);
      writeFileSync(tokenFile, await shared.server.createToken('rotating', NAMESPACE));
      registered(await store.register({ ...registration('n'), held: entry }, call()));
      const watch = store.watch?.(call())[Symbol.asyncIterator]();
      const next = watch?.next();
      await store.register({ ...registration('n', { state: 'ready' }), held: entry }, call());
      expect((await next)?.value).toBe('changed');
      await watch?.return?.();
    });

    test('a token that has expired is replaced by what its file says by then', async () => {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const soon = shared.server.endToken(shared.token('explicit'), nowSeconds - 60 + 5);
      const tokenFile = file('expiring-token', soon);
      const { token: _, ...rest } = shared.options({ tokenFile });
      const store = shared.backend(rest);
      const entry = registered(await store.register(registration('n'), call()));
      await vi.waitFor(
        async () => expect((await failure(store.list(call()))).code).toBe('STORE_UNAUTHENTICATED'),
        40_000,
      );
      writeFileSync(tokenFile, shared.token('explicit'));
      registered(await store.register({ ...registration('n'), held: entry }, call()));
      expect((await store.list(call())).members.map(({ instance }) => instance)).toEqual([entry.instance]);
    });

    test('a token file that rotates is read again every minute, before the old token expires', async () => {
      const tokenFile = file('fresh-token', shared.token('explicit'));
      const { token: _, ...rest } = shared.options({ tokenFile });
      const store = shared.backend(rest);
      expect((await store.list(call())).complete).toBe(true);
      writeFileSync(tokenFile, 'refused');
      expect((await store.list(call())).complete).toBe(true);
      expect((await failure(store.list(call({ clock: later(61_000) })))).code).toBe('STORE_UNAUTHENTICATED');
    });

    test('a file that is found half written leaves what it said before in force, until that is refused', async () => {
      const path = file('half-written', shared.token('explicit'));
      const { token: _, ...rest } = shared.options();
      const backend = shared.backend({ ...rest, tokenFile: path });
      await backend.list(call());
      writeFileSync(path, '');
      expect((await backend.list(call({ clock: later(61_000) }))).complete).toBe(true);
      writeFileSync(path, 'nobody');
      expect((await failure(backend.list(call({ clock: later(62_000) })))).code).toBe('STORE_UNAUTHENTICATED');
      writeFileSync(path, '');
      expect((await failure(backend.list(call({ clock: later(63_000) })))).message).toContain('holds no token');
      writeFileSync(path, shared.token('explicit'));
      expect((await backend.list(call({ clock: later(64_000) }))).complete).toBe(true);
    });

    test('a token function is asked again; what it throws is not shown', async () => {
      let token = 'not yet';
      const store = open({ token: () => token });
      expect((await failure(store.list(call()))).code).toBe('STORE_UNAUTHENTICATED');
      token = shared.token('explicit');
      expect((await store.list(call())).complete).toBe(true);
      const throwing = open({
        token: () => {
          throw new TypeError('cannot read hunter2');
        },
      });
      const error = await failure(throwing.list(call()));
      expect(error.code).toBe('STORE_UNAUTHENTICATED');
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
    });

    test('S75: a refused token is in no error, nor in what inspect shows', async () => {
      const store = open({ token: 'hunter2-secret' });
      const error = await failure(store.list(call()));
      expect(error).toMatchObject({ code: 'STORE_UNAUTHENTICATED', outcomeUnknown: false });
      for (const shown of [error, store])
        expect(inspect(shown, { depth: 10, showHidden: true })).not.toContain('hunter2');
    });

    test('S47: without the permission everything is STORE_FORBIDDEN, naming verb, resource and namespace', async () => {
      const stranger = open({ token: await shared.server.createToken('stranger', NAMESPACE) });
      const errors = [
        [failure(stranger.list(call())), /may not list leases\.coordination\.k8s\.io .* in namespace "default"/],
        [failure(stranger.register(registration('n'), call())), /may not get leases\.coordination\.k8s\.io/],
        [failure(stranger.lock(lockOf('n'), call())), /may not get leases\.coordination\.k8s\.io/],
      ] as const;
      for (const [error, names] of errors) {
        expect(await error).toMatchObject({
          code: 'STORE_FORBIDDEN',
          retryable: false,
          message: expect.stringMatching(names),
        });
      }
    });
  });
});

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: IPv6', () => {
  const shared = sharedServer({ extraArgs: ['--bind-address=::'] });

  test('S55: an API server at an IPv6 address', async () => {
    const { port } = new URL(shared.server.server);
    const { one } = shared.pair({ server: `https://[::1]:${port}` });
    expect((await one.list(call())).complete).toBe(true);
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '::1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', port);
    const { server: _, ...rest } = shared.options();
    const inPod = shared.backend(rest);
    vi.unstubAllEnvs();
    expect((await inPod.list(call())).complete).toBe(true);
  });
});
