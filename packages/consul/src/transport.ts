export interface Request {
  readonly method: 'GET' | 'PUT';
  /** Below `/v1`, each segment encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
}

export interface Reply {
  /** Who answered. */
  readonly agent: string;
  readonly status: number;
  /** `X-Consul-Index`; undefined where an answer has none. */
  readonly index: bigint | undefined;
  /** Entries are missing that the token may not read. */
  readonly filtered: boolean;
  readonly text: string;
}

/** How one request is bounded and signed. */
export interface Call {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly token: string | undefined;
}

/** One agent. Resolves with every answer, whatever its status; rejects with `CallFailure`. Nothing is retried. */
export interface AgentTransport {
  /** For people, e.g. `127.0.0.1:8500`. */
  readonly address: string;
  send(request: Request, call: Call): Promise<Reply>;
  /** Takes no further requests; those under way go on. */
  retire(): void;
  close(): void;
}
