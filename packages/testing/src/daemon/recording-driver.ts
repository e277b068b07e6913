import type { Clock, ClusterDriver, DriverCall, ForgetRequest } from '@autocluster/core/driver';
import type { DriverVerb } from './driver-faults.js';

export interface RecordedCall {
  readonly verb: DriverVerb;
  /** What was asked; undefined for verbs that take nothing. */
  readonly request: unknown;
  readonly startedMs: number;
  /** undefined while it runs. */
  endedMs: number | undefined;
  outcome: 'running' | 'resolved' | 'rejected';
  /** What it answered or rejected with. */
  answer: unknown;
}

export type RecordingDriver = ClusterDriver & { readonly calls: readonly RecordedCall[] };

/** Writes down every call of another driver, and changes nothing. */
export function recordingDriver(driver: ClusterDriver, clock: Clock): RecordingDriver {
  const calls: RecordedCall[] = [];
  const note = <T>(verb: DriverVerb, request: unknown, answer: Promise<T>): Promise<T> => {
    const started = { verb, request, startedMs: clock.monotonicMs(), endedMs: undefined, answer: undefined };
    const call: RecordedCall = { ...started, outcome: 'running' };
    calls.push(call);
    const end = (outcome: 'resolved' | 'rejected') => (value: unknown) => {
      Object.assign(call, { outcome, endedMs: clock.monotonicMs(), answer: value });
    };
    answer.then(end('resolved'), end('rejected'));
    return answer;
  };
  const leave = (call: DriverCall) => note('leave', undefined, driver.leave?.(call) ?? Promise.resolve());
  const afterForget = (request: ForgetRequest, call: DriverCall) =>
    note('afterForget', request, driver.afterForget?.(request, call) ?? Promise.resolve());
  return {
    name: driver.name,
    spi: driver.spi,
    data: driver.data,
    views: driver.views,
    concurrentJoins: driver.concurrentJoins,
    calls,
    self: () => driver.self(),
    membership: (call) => note('membership', undefined, driver.membership(call)),
    health: (peer, call) => note('health', peer, driver.health(peer, call)),
    create: (request, call) => note('create', request, driver.create(request, call)),
    join: (request, call) => note('join', request, driver.join(request, call)),
    committed: (record, call) => note('committed', record, driver.committed(record, call)),
    reset: (call) => note('reset', undefined, driver.reset(call)),
    forget: (request, call) => note('forget', request, driver.forget(request, call)),
    ...(driver.leave ? { leave } : {}),
    ...(driver.afterForget ? { afterForget } : {}),
  };
}
