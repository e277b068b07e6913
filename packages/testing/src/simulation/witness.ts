import type { Backend, CallOptions } from '@autocluster/core/backend';
import type { ClusterDriver, DriverCall, ForgetRequest } from '@autocluster/core/driver';
import type { Actor } from './actor.js';
import type { Call, DaemonVerb, StoreVerb } from './facts.js';

/** Who is told of each call when it is sent and when it has settled. */
export interface CallRecorder {
  sent(call: Call): void;
  answered(call: Call): void;
  nowMs(): number;
}

type Bounds = Pick<CallOptions, 'signal' | 'timeoutMs'>;
type Begin = <T>(verb: StoreVerb | DaemonVerb, request: unknown, bounds: Bounds, start: () => Promise<T>) => Promise<T>;

/** A driver of the caller's may throw at once, or answer without a promise, as it may to the core. */
function begun<T>(start: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(start());
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

function beginning(actor: Actor, recorder: CallRecorder): Begin {
  return (verb, request, { signal, timeoutMs }, start) => {
    const sentMs = recorder.nowMs();
    const ownSentMs = actor.process.clock.monotonicMs();
    const call: Call = {
      actor,
      verb,
      request,
      signal,
      timeoutMs,
      sentMs,
      ownSentMs,
      reporting: actor.reporting,
      end: undefined,
    };
    recorder.sent(call);
    const answer = begun(start);
    const settle = (kind: 'resolved' | 'rejected') => (value: unknown) => {
      call.end = { kind, value, atMs: recorder.nowMs() };
      recorder.answered(call);
    };
    answer.then(settle('resolved'), settle('rejected'));
    return answer;
  };
}

/** The same backend; every call of it is recorded. */
export function witnessBackend(backend: Backend, actor: Actor, recorder: CallRecorder): Backend {
  const begin = beginning(actor, recorder);
  return {
    name: backend.name,
    spi: backend.spi,
    cluster: backend.cluster,
    capabilities: backend.capabilities,
    register: (request, options) => begin('register', request, options, () => backend.register(request, options)),
    unregister: (registration, options) =>
      begin('unregister', registration, options, () => backend.unregister(registration, options)),
    list: (options) => begin('list', undefined, options, () => backend.list(options)),
    lock: (request, options) => begin('lock', request, options, () => backend.lock(request, options)),
    unlock: (grant, options) =>
      begin('unlock', { grant, record: options.record }, options, () => backend.unlock(grant, options)),
    ...(backend.watch ? { watch: backend.watch.bind(backend) } : {}),
    close: () => backend.close(),
  };
}

/** The same driver; every call of it is recorded. */
export function witnessDriver(driver: ClusterDriver, actor: Actor, recorder: CallRecorder): ClusterDriver {
  const begin = beginning(actor, recorder);
  const leave = (call: DriverCall) => begin('leave', undefined, call, () => driver.leave?.(call) ?? Promise.resolve());
  const afterForget = (request: ForgetRequest, call: DriverCall) =>
    begin('afterForget', request, call, () => driver.afterForget?.(request, call) ?? Promise.resolve());
  return {
    name: driver.name,
    spi: driver.spi,
    data: driver.data,
    views: driver.views,
    concurrentJoins: driver.concurrentJoins,
    self: () => driver.self(),
    membership: (call) => begin('membership', undefined, call, () => driver.membership(call)),
    health: (peer, call) => begin('health', peer, call, () => driver.health(peer, call)),
    create: (request, call) => begin('create', request, call, () => driver.create(request, call)),
    join: (request, call) => begin('join', { ...request, list: call.list }, call, () => driver.join(request, call)),
    committed: (record, call) => begin('committed', record, call, () => driver.committed(record, call)),
    reset: (call) => begin('reset', undefined, call, () => driver.reset(call)),
    forget: (request, call) =>
      begin('forget', { ...request, list: call.list }, call, () => driver.forget(request, call)),
    ...(driver.leave ? { leave } : {}),
    ...(driver.afterForget ? { afterForget } : {}),
  };
}
