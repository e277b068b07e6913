export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** 0: the key does not expire. */
  readonly lease: bigint;
}

/** One key, or all keys from `key` up to, and without, `end`. */
export interface KeyRange {
  readonly key: Buffer;
  readonly end?: Buffer;
}

/** Holds when every key of the range has this revision; 0 means that there is no key. */
export interface Comparison {
  readonly range: KeyRange;
  readonly target: 'create' | 'mod' | 'lease';
  readonly equals: bigint;
}

export type Step =
  | {
      readonly kind: 'get';
      readonly range: KeyRange;
      readonly limit?: number;
      readonly oldestFirst?: boolean;
      /** Reads the past; the newest state without it. */
      readonly revision?: bigint;
    }
  | { readonly kind: 'put'; readonly key: Buffer; readonly value: string; readonly lease: bigint }
  | { readonly kind: 'delete'; readonly key: Buffer };

export interface Transaction {
  readonly when: readonly Comparison[];
  readonly act: readonly Step[];
  readonly otherwise?: readonly Step[];
}

export interface Page {
  readonly entries: readonly KeyValue[];
  readonly more: boolean;
}

export interface TransactionReply {
  readonly succeeded: boolean;
  readonly revision: bigint;
  /** Identity of the etcd cluster, hexadecimal as `etcdctl` prints it. */
  readonly store: string;
  /** One for each step that was taken; empty for those that write. */
  readonly pages: readonly Page[];
}

export interface Lease {
  readonly id: bigint;
  /** What the server granted, which may be more than was asked for. */
  readonly ttlSeconds: number;
}

export interface WatchReply {
  readonly created: boolean;
  readonly changed: boolean;
  readonly deleted: boolean;
}

/** How one call is bounded and signed. */
export interface Call {
  readonly signal: AbortSignal;
  /** undefined: no limit, for streams. */
  readonly timeoutMs: number | undefined;
  readonly token: string | undefined;
}

/** Everything that this backend asks of one etcd endpoint. Failures reject with `CallFailure`; nothing is retried. */
export interface EtcdTransport {
  /** Resolves when the endpoint answers and knows a leader; needs no token, but may be refused for want of one. */
  probe(call: Call): Promise<void>;
  authenticate(user: string, password: string, call: Call): Promise<string>;
  transact(transaction: Transaction, call: Call): Promise<TransactionReply>;
  grantLease(ttlSeconds: number, call: Call): Promise<Lease>;
  /** The TTL from now on, in seconds; 0 when the lease is gone. */
  extendLease(id: bigint, call: Call): Promise<number>;
  revokeLease(id: bigint, call: Call): Promise<void>;
  /** Resolves when the call's signal aborts, rejects at any break. */
  watch(
    ranges: readonly KeyRange[],
    from: bigint | undefined,
    call: Call,
    seen: (reply: WatchReply) => void,
  ): Promise<void>;
  close(): void;
}
