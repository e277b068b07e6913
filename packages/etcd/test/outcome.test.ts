import { describe, expect, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { EtcdBackend } from '../src/backend.js';
import { type EtcdOptions, parseOptions } from '../src/config.js';
import { CallFailure } from '../src/errors.js';
import { Etcd3Transport } from '../src/etcd3-transport.js';
import type { Call, EtcdTransport, Transaction, TransactionReply } from '../src/transport.js';
import { call, failure, freshCluster, held, lockOf, registered, registration, sharedServer } from './support.js';

type Fate = 'answered' | 'refused' | 'lost';

/** Real requests, whose answers meet with a fate of their own. */
class Doubtful extends Etcd3Transport {
  extension: Fate = 'answered';
  reading: Fate = 'answered';
  probing: Fate = 'answered';
  authenticating: Fate = 'answered';
  /** Whether pages after the first come from another store. */
  replaced = false;

  override async probe(options: Call): Promise<void> {
    if (this.probing === 'lost') throw new CallFailure('dropped', 'Connection dropped', 'here');
    if (this.probing === 'refused') throw new CallFailure('token', 'etcdserver: user name is empty', 'here');
    await super.probe(options);
  }

  override async authenticate(name: string, password: string, options: Call): Promise<string> {
    if (this.authenticating === 'lost') throw new CallFailure('dropped', 'Connection dropped', 'here');
    return super.authenticate(name, password, options);
  }

  override async extendLease(id: bigint, options: Call): Promise<number> {
    return this.#meet(this.extension, options, () => super.extendLease(id, options));
  }

  override async transact(transaction: Transaction, options: Call): Promise<TransactionReply> {
    const writes = [...transaction.act, ...(transaction.otherwise ?? [])].some(({ kind }) => kind !== 'get');
    const reply = await this.#meet(writes ? 'answered' : this.reading, options, () =>
      super.transact(transaction, options),
    );
    if (!this.replaced) return reply;
    const [first] = transaction.act;
    const isLater = first?.kind === 'get' && first.revision !== undefined;
    if (isLater) return { ...reply, store: 'another' };
    return { ...reply, pages: reply.pages.map((page, index) => (index === 0 ? { ...page, more: true } : page)) };
  }

  async #meet<T>(fate: Fate, { signal }: Call, request: () => Promise<T>): Promise<T> {
    // As etcd answers it: nothing was done.
    if (fate === 'refused') throw new CallFailure('forbidden', 'etcdserver: permission denied', 'here');
    const answer = await request();
    if (fate === 'answered') return answer;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    throw new CallFailure('cancelled', 'cancelled', 'here');
  }
}

serverSuite(['etcd', 'etcdctl'], 'etcd: whether a verb that failed may have happened', () => {
  const shared = sharedServer();

  function doubtful(more: Partial<EtcdOptions> = {}): { backend: EtcdBackend; transport: Doubtful } {
    const config = parseOptions({ cluster: freshCluster(), hosts: shared.server.endpoint, ...more });
    const [host] = config.hosts;
    if (!host) throw new Error('no host');
    const transport = new Doubtful(host, config.tls);
    const connect = (): EtcdTransport => transport;
    return { backend: shared.keep(new EtcdBackend(config, connect)), transport };
  }

  const CASES = [
    ['the extension is lost, the read refused first', 'lost', 'refused', true],
    ['the extension is answered, the read refused', 'answered', 'refused', true],
    ['the extension is refused, the read lost', 'refused', 'lost', false],
    ['both are refused', 'refused', 'refused', false],
    ['both are lost', 'lost', 'lost', true],
  ] as const;

  describe.concurrent.each(CASES)('a renewal of which %s', (_, extension, reading, outcomeUnknown) => {
    test(`of a lock: ${outcomeUnknown ? 'unknown' : 'certain'}`, async () => {
      const { backend, transport } = doubtful();
      const request = lockOf('n');
      const grant = held(await backend.lock(request, call()));
      Object.assign(transport, { extension, reading });
      const error = await failure(backend.lock({ ...request, held: grant }, expiring(400)));
      expect(error.outcomeUnknown).toBe(outcomeUnknown);
    });

    test(`of an entry: ${outcomeUnknown ? 'unknown' : 'certain'}`, async () => {
      const { backend, transport } = doubtful();
      const mine = registered(await backend.register(registration('n'), call()));
      Object.assign(transport, { extension, reading });
      const error = await failure(backend.register({ ...registration('n'), held: mine }, expiring(400)));
      expect(error.outcomeUnknown).toBe(outcomeUnknown);
    });
  });

  test('a connection that ends before anything was asked: certain', async () => {
    const { backend, transport } = doubtful();
    transport.probing = 'lost';
    const grant = { name: 'work', attempt: 'n', token: 1n, ttlMs: 10_000, ref: '1', record: undefined };
    const error = await failure(backend.unlock(grant, call()));
    expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true, outcomeUnknown: false });
  });

  test('an authentication that is lost before anything was asked: certain', async () => {
    const { backend, transport } = doubtful({ user: 'u', password: 'p' });
    Object.assign(transport, { probing: 'refused', authenticating: 'lost' });
    const grant = { name: 'work', attempt: 'n', token: 1n, ttlMs: 10_000, ref: '1', record: undefined };
    const error = await failure(backend.unlock(grant, call()));
    expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true, outcomeUnknown: false });
  });

  test('a list of which another store answers the rest is none', async () => {
    const { backend, transport } = doubtful();
    registered(await backend.register(registration('n'), call()));
    transport.replaced = true;
    expect(await failure(backend.list(call()))).toMatchObject({ code: 'STORE_FAILED', retryable: true });
  });

  test('an entry that is gone, and then cannot be looked for: unknown', async () => {
    const { backend, transport } = doubtful();
    const mine = registered(await backend.register(registration('n'), call()));
    transport.reading = 'refused';
    expect(await failure(backend.unregister(mine, call()))).toMatchObject({
      code: 'STORE_FORBIDDEN',
      outcomeUnknown: true,
    });
    transport.reading = 'answered';
    expect((await backend.list(call())).members).toEqual([]);
  });
});

/** A call whose caller gives it up after a while, as the core does when the time is over. */
function expiring(afterMs: number) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), afterMs);
  return call({ signal: controller.signal });
}
