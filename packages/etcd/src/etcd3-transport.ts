import { ClusterError } from '@autocluster/core/backend';
import { addAbortListener } from 'node:events';
import {
  Etcd3,
  type ICompare,
  type IKeyValue,
  type IOptions,
  type IRequestOp,
  type IResponseOp,
  type IWatchResponse,
} from 'etcd3';
import type { EtcdHost, EtcdTlsOptions } from './config.js';
import { CallFailure, troubleOf } from './errors.js';
import { Etcd3Call } from './etcd3-call.js';
import { readTls } from './tls.js';
import type {
  Call,
  Comparison,
  EtcdTransport,
  KeyRange,
  KeyValue,
  Lease,
  Page,
  Step,
  Transaction,
  TransactionReply,
  WatchReply,
} from './transport.js';

/** Larger than any list page that is asked for with values of ordinary size; see `pages.ts`. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** In place of etcd3's retries and circuit breakers, which repeat writes and shut endpoints that are well. */
const noPolicy = {
  execute: async <T>(run: (context: { signal: AbortSignal }) => T | PromiseLike<T>): Promise<T> =>
    run({ signal: new AbortController().signal }),
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
  get _altReturn(): never {
    throw new ClusterError('UNSUPPORTED', 'exists for the type checker only');
  },
};

let connections = 0;

function channelOptions({ near }: EtcdHost, { serverName }: EtcdTlsOptions): NonNullable<IOptions['grpcOptions']> {
  connections += 1;
  return {
    // A dead connection is noticed after 7 s at most. etcd refuses pings that come more often than every 5 s.
    'grpc.keepalive_time_ms': 5000,
    'grpc.keepalive_timeout_ms': 2000,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.service_config_disable_resolution': 1,
    ...(near ? { 'grpc.enable_http_proxy': 0 } : {}),
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
    // gRPC shares connections between channels with equal options; ours must not be another client's dead one.
    'autocluster.connection': connections,
  };
}

const compareOf = ({ range, target, equals }: Comparison): ICompare => {
  const where = { key: range.key, ...(range.end ? { range_end: range.end } : {}), result: 'Equal' as const };
  const value = equals.toString();
  if (target === 'create') return { ...where, target: 'Create', create_revision: value };
  if (target === 'mod') return { ...where, target: 'Mod', mod_revision: value };
  return { ...where, target: 'Lease', lease: value };
};

function operationOf(step: Step): IRequestOp {
  if (step.kind === 'put') {
    return { request_put: { key: step.key, value: Buffer.from(step.value), lease: step.lease.toString() } };
  }
  if (step.kind === 'delete') return { request_delete_range: { key: step.key } };
  const { range, limit, oldestFirst, revision } = step;
  return {
    request_range: {
      key: range.key,
      ...(range.end ? { range_end: range.end } : {}),
      ...(limit === undefined ? {} : { limit }),
      ...(oldestFirst ? { sort_order: 'Ascend' as const, sort_target: 'Create' as const } : {}),
      ...(revision === undefined ? {} : { revision: revision.toString() }),
    },
  };
}

const entryOf = (kv: IKeyValue): KeyValue => ({
  key: kv.key,
  value: kv.value,
  createRevision: BigInt(kv.create_revision),
  modRevision: BigInt(kv.mod_revision),
  lease: BigInt(kv.lease),
});

// Typed as always there, but only one kind of answer is.
const pageOf = (response: Partial<IResponseOp>): Page => ({
  entries: (response.response_range?.kvs ?? []).map(entryOf),
  more: response.response_range?.more ?? false,
});

const replyOf = (reply: IWatchResponse): WatchReply => ({
  created: reply.created,
  changed: reply.events.length > 0,
  deleted: reply.events.some(({ type }) => type === 'Delete'),
});

/** Adapter of npm `etcd3`, of which only the low-level clients are used: one instance for one endpoint. */
export class Etcd3Transport implements EtcdTransport {
  readonly #endpoint: string;
  readonly #etcd: Etcd3;

  /** Reads the certificate files; throws a `CallFailure` when they cannot be used. Connects at the first call. */
  constructor(host: EtcdHost, tls: EtcdTlsOptions) {
    this.#endpoint = host.address;
    const credentials = host.secure ? readTls(tls, host.address) : undefined;
    this.#etcd = new Etcd3({
      hosts: [`${host.secure ? 'https' : 'http'}://${host.address}`],
      grpcOptions: channelOptions(host, tls),
      faultHandling: { host: () => noPolicy, global: noPolicy },
      ...(credentials === undefined ? {} : { credentials }),
    });
  }

  async probe(call: Call): Promise<void> {
    const maintenance = this.#etcd.maintenance;
    await this.#start(call).answer(call.signal, (options) => maintenance.status(options));
  }

  async authenticate(name: string, password: string, call: Call): Promise<string> {
    const auth = this.#etcd.auth;
    return (await this.#start(call).answer(call.signal, (options) => auth.authenticate({ name, password }, options)))
      .token;
  }

  async transact({ when, act, otherwise = [] }: Transaction, call: Call): Promise<TransactionReply> {
    const request = {
      compare: when.map(compareOf),
      success: act.map(operationOf),
      failure: otherwise.map(operationOf),
    };
    const { kv } = this.#etcd;
    const reply = await this.#start(call).answer(call.signal, (options) => kv.txn(request, options));
    return {
      succeeded: reply.succeeded,
      revision: BigInt(reply.header.revision),
      store: BigInt(reply.header.cluster_id).toString(16),
      pages: reply.responses.map(pageOf),
    };
  }

  async grantLease(ttlSeconds: number, call: Call): Promise<Lease> {
    const { leaseClient } = this.#etcd;
    const grant = (options: Etcd3Call['options']) => leaseClient.leaseGrant({ TTL: ttlSeconds }, options);
    const { ID, TTL } = await this.#start(call).answer(call.signal, grant);
    return { id: BigInt(ID), ttlSeconds: Number(TTL) };
  }

  /** One message on a stream of its own: etcd3's renewal loop outlives `close()` and reports a loss too late. */
  async extendLease(id: bigint, call: Call): Promise<number> {
    const running = this.#start(call);
    return running.answer(call.signal, async (options) => {
      const stream = await this.#etcd.leaseClient.leaseKeepAlive(options);
      return new Promise<number>((resolve, reject) => {
        stream.on('data', ({ TTL }) => {
          resolve(Number(TTL));
          stream.end();
        });
        stream.on('error', reject);
        stream.on('end', () => reject(this.#ended(running)));
        stream.write({ ID: id.toString() });
      });
    });
  }

  async revokeLease(id: bigint, call: Call): Promise<void> {
    const { leaseClient } = this.#etcd;
    const revoke = (options: Etcd3Call['options']) => leaseClient.leaseRevoke({ ID: id.toString() }, options);
    await this.#start(call).answer(call.signal, revoke);
  }

  async watch(
    ranges: readonly KeyRange[],
    from: bigint | undefined,
    call: Call,
    seen: (reply: WatchReply) => void,
  ): Promise<void> {
    if (call.signal.aborted) return;
    const running = this.#start(call);
    const stream = await this.#etcd.watchClient.watch(running.options);
    await new Promise<void>((resolve, reject) => {
      const listening = addAbortListener(call.signal, () => {
        running.cancel();
        resolve();
      });
      const end = (failure: CallFailure) => {
        listening[Symbol.dispose]();
        reject(failure);
        running.cancel();
      };
      stream.on('data', (reply) => {
        // A watch that etcd refuses or drops is `canceled`, also in the very answer that reports it created.
        if (reply.canceled) return end(this.#canceled(reply));
        seen(replyOf(reply));
      });
      stream.on('error', (error) => end(running.failure(error)));
      stream.on('end', () => end(this.#ended(running)));
      for (const range of ranges) {
        const start = from === undefined ? {} : { start_revision: from.toString() };
        const end = range.end ? { range_end: range.end } : {};
        stream.write({ create_request: { key: range.key, ...end, ...start } });
      }
    });
  }

  close(): void {
    this.#etcd.close();
  }

  #start(call: Call): Etcd3Call {
    return new Etcd3Call(call, this.#endpoint);
  }

  #ended(running: Etcd3Call): CallFailure {
    return running.failure(new CallFailure('dropped', 'the stream ended', this.#endpoint));
  }

  #canceled({ cancel_reason, compact_revision }: IWatchResponse): CallFailure {
    const compacted = BigInt(compact_revision) > 0n;
    const reason = cancel_reason || (compacted ? 'the revision has been compacted' : 'the watch was cancelled');
    return new CallFailure(compacted ? 'compacted' : troubleOf(2, reason), reason, this.#endpoint);
  }
}
