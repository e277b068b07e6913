// oxlint-disable typescript/no-unsafe-enum-assignment -- gRPC belongs to etcd3, so that its enum cannot be imported here
import { addAbortListener } from 'node:events';
import type { KVClient } from 'etcd3';
import { CallFailure, troubleOf } from './errors.js';
import type { Call } from './transport.js';

export type GrpcOptions = NonNullable<Parameters<KVClient['range']>[1]>;
type Interceptor = NonNullable<GrpcOptions['interceptors']>[number];
type NextCall = Parameters<Interceptor>[1];
type GrpcCall = ReturnType<NextCall>;
type Start = GrpcCall['start'];

const CANCELLED = 1;
/**
 * What etcd3 gets to see of every failure. Its own handling closes all channels of the host at most of them, and asks
 * without end at an invalid token; at this code (FAILED_PRECONDITION) it does nothing.
 */
const HARMLESS = 9;

const succeeded = ({ code }: Status): boolean => code === 0;

interface Status {
  readonly code: number;
  readonly details: string;
}

/**
 * One gRPC call made through etcd3: can be cancelled, carries our token, asks the server to refuse when it knows no
 * leader, and keeps the status that etcd3 loses.
 */
export class Etcd3Call {
  readonly options: GrpcOptions;
  readonly #endpoint: string;
  readonly #token: string | undefined;
  #call: GrpcCall | undefined;
  #status: Status | undefined;
  #cancelled = false;

  constructor(call: Call, endpoint: string) {
    this.#endpoint = endpoint;
    this.#token = call.token;
    // gRPC takes a deadline by its own clock only, which is this one, whatever the clock of the call says.
    const deadline = call.timeoutMs === undefined ? {} : { deadline: Date.now() + call.timeoutMs };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a class of gRPC's, of which only the interface is used
    const interceptor: Interceptor = (options, next) => this.#intercept(next(options)) as ReturnType<Interceptor>;
    this.options = { ...deadline, interceptors: [interceptor] };
  }

  cancel(): void {
    this.#cancelled = true;
    this.#call?.cancelWithStatus(CANCELLED, 'cancelled');
  }

  failure(error: unknown): CallFailure {
    if (error instanceof CallFailure) return error;
    const { code, details } = this.#status ?? {
      code: 2,
      details: error instanceof Error ? error.message : String(error),
    };
    return new CallFailure(this.#cancelled ? 'cancelled' : troubleOf(code, details), details, this.#endpoint);
  }

  /** Runs a call that has one answer; rejects with a `CallFailure`. */
  async answer<T>(signal: AbortSignal, run: (options: GrpcOptions) => Promise<T>): Promise<T> {
    const listening = addAbortListener(signal, () => this.cancel());
    try {
      return await run(this.options);
    } catch (error) {
      throw this.failure(error);
    } finally {
      listening[Symbol.dispose]();
    }
  }

  #intercept(call: GrpcCall): GrpcCall {
    this.#call = call;
    const start: Start = (metadata, listener) => {
      metadata.set('hasleader', 'true');
      if (this.#token !== undefined) metadata.set('token', this.#token);
      call.start(metadata, {
        onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
        onReceiveMessage: (received) => listener?.onReceiveMessage?.(received),
        onReceiveStatus: (status) => {
          this.#status = status;
          listener?.onReceiveStatus?.(succeeded(status) ? status : { ...status, code: HARMLESS, details: 'failed' });
        },
      });
      if (this.#cancelled) call.cancelWithStatus(CANCELLED, 'cancelled');
    };
    return {
      start,
      cancelWithStatus: (code, details) => call.cancelWithStatus(code, details),
      getPeer: () => call.getPeer(),
      sendMessageWithContext: (context, message) => call.sendMessageWithContext(context, message),
      sendMessage: (message) => call.sendMessage(message),
      startRead: () => call.startRead(),
      halfClose: () => call.halfClose(),
      getAuthContext: () => call.getAuthContext(),
    };
  }
}
