import { Etcd3 } from 'etcd3';

const BREAKERS_OFF = {
  execute: async <T>(run: (context: { signal: AbortSignal }) => T | PromiseLike<T>): Promise<T> =>
    run({ signal: new AbortController().signal }),
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
  get _altReturn(): never {
    throw new TypeError('exists for the type checker only');
  },
};

export interface RawEtcd {
  readonly etcd: Etcd3;
  put(key: string, value: string): Promise<void>;
  grant(ttlSeconds: number): Promise<string>;
  /** True when the key was not there. */
  create(key: string, lease: string): Promise<{ readonly created: boolean; readonly revision: bigint }>;
  remove(key: string): Promise<void>;
  /** Settles when the key is deleted at this revision or later. */
  deleted(key: string, from: bigint): Promise<void>;
  close(): void;
}

/** Bare requests through etcd3's low-level clients, without its retries and breakers. */
export function openRaw(host: string): RawEtcd {
  const etcd = new Etcd3({ hosts: [host], faultHandling: { host: () => BREAKERS_OFF, global: BREAKERS_OFF } });
  const { kv, leaseClient, watchClient } = etcd;
  const bytes = (text: string) => Buffer.from(text);
  return {
    etcd,
    async put(key, value) {
      await kv.txn({ compare: [], success: [{ request_put: { key: bytes(key), value: bytes(value) } }], failure: [] });
    },
    grant: async (ttlSeconds) => (await leaseClient.leaseGrant({ TTL: ttlSeconds })).ID,
    async create(key, lease) {
      const reply = await kv.txn({
        compare: [{ key: bytes(key), result: 'Equal', target: 'Create', create_revision: '0' }],
        success: [{ request_put: { key: bytes(key), value: bytes('bench'), lease } }],
        failure: [{ request_range: { key: bytes(key) } }],
      });
      return { created: reply.succeeded, revision: BigInt(reply.header.revision) };
    },
    async remove(key) {
      await kv.txn({ compare: [], success: [{ request_delete_range: { key: bytes(key) } }], failure: [] });
    },
    async deleted(key, from) {
      const stream = await watchClient.watch();
      await new Promise<void>((resolve, reject) => {
        stream.on('data', ({ events }) => {
          if (events.some(({ type }) => type === 'Delete')) resolve();
        });
        stream.on('error', reject);
        stream.write({ create_request: { key: bytes(key), start_revision: from.toString() } });
      });
      // The stream ends by itself once the server has answered our half of it.
      stream.on('error', () => undefined);
      stream.end();
    },
    close: () => etcd.close(),
  };
}
