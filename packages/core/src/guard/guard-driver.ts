import {
  type ClusterDriver,
  type DriverCall,
  type ForgetRequest,
  type NodeHealth,
  requireName,
} from '../driver/index.js';
import { invalidType, requireWhole } from '../errors/index.js';
import type { Runtime } from '../runtime/index.js';
import { requireSpi, requireVerbs } from './check-manifest.js';
import { checkHealth, checkMembership } from './check-membership.js';
import { type Asked, booleanOf, isFields, oneOf, textOf, wrong } from './check-value.js';
import { exchange } from './exchange.js';
import { fromForeign } from './foreign-error.js';
import { GUARDED } from './guarded-backend.js';
import type { DriverGuardCall, GuardedDriver } from './guarded-driver.js';
import { work } from './work.js';

export interface GuardDriverOptions {
  readonly runtime: Runtime;
  /** Longest wait for an answer of the daemon. */
  readonly callTimeoutMs: number;
  /** Longest time that one piece of work may take. Default: 120 000. */
  readonly workMs?: number;
  /** Longest time that it may take to stop after that. Default: `callTimeoutMs`. */
  readonly stopBudgetMs?: number;
}

const VERBS = ['self', 'membership', 'health', 'create', 'join', 'committed', 'reset', 'forget'] as const;

/** The constant part of a driver. */
export function checkDriver(driver: ClusterDriver) {
  if (!isFields(driver)) throw invalidType('driver', driver, 'a driver, e.g. processDriver() or rabbitmq({ … })');
  requireSpi('driver', driver.name, driver.spi);
  const asked: Asked = { who: typeof driver.name === 'string' ? driver.name : 'driver', operation: 'manifest' };
  const manifest = {
    name: textOf(asked, driver.name, 'name'),
    data: oneOf(asked, driver.data, ['none', 'durable'], 'data'),
    views: oneOf(asked, driver.views, ['peer', 'registration'], 'views'),
    concurrentJoins: booleanOf(asked, driver.concurrentJoins, 'concurrentJoins'),
  };
  requireVerbs(asked, driver, VERBS);
  for (const name of ['leave', 'afterForget'] as const) {
    if (driver[name] !== undefined && typeof driver[name] !== 'function') wrong(asked, name, 'a function');
  }
  return { ...manifest, self: requireName(`${manifest.name}.self()`, selfOf(driver)) };
}

function selfOf(driver: ClusterDriver): unknown {
  try {
    return driver.self();
  } catch (thrown) {
    throw fromForeign(thrown, 'self', 'DRIVER_FAILED');
  }
}

/** The only way in which the core talks to a daemon: every call ends, and every answer is checked. */
export function guardDriver(driver: ClusterDriver, options: GuardDriverOptions): GuardedDriver {
  const { runtime, callTimeoutMs, workMs = 120_000, stopBudgetMs = callTimeoutMs } = options;
  for (const [name, value] of Object.entries({ callTimeoutMs, workMs, stopBudgetMs })) {
    requireWhole(name, value, { min: 1, max: 2 ** 31 - 1, unit: 'ms' });
  }
  const manifest = checkDriver(driver);
  const { clock } = runtime;

  function question<Answer>(
    operation: string,
    { signal: parent, list }: DriverGuardCall,
    start: (call: DriverCall) => Promise<Answer>,
    check: (asked: Asked, answer: unknown) => Answer,
  ): Promise<Answer> {
    const asked = { who: manifest.name, operation };
    return exchange({
      runtime,
      operation,
      timeoutMs: callTimeoutMs,
      parent,
      fallback: 'DRIVER_FAILED',
      start: (signal) => start({ signal, timeoutMs: callTimeoutMs, clock, list }),
      check: (answer) => check(asked, answer),
    }).delivered;
  }

  function doing(operation: string, { signal: parent, list }: DriverGuardCall, start: Work): Promise<void> {
    const begin = (signal: AbortSignal) => start({ signal, timeoutMs: workMs, clock, list });
    return work({ runtime, operation, parent, workMs, stopBudgetMs, start: begin });
  }

  const unknown = (thrown: unknown): NodeHealth =>
    Object.freeze({
      status: 'unknown',
      ready: false,
      detail: fromForeign(thrown, 'health', 'DRIVER_FAILED').message,
      view: undefined,
    });

  return {
    [GUARDED]: true,
    ...manifest,
    membership: (call) =>
      question(
        'membership',
        call,
        (each) => driver.membership(each),
        (asked, answer) => checkMembership(asked, answer, 'the answer'),
      ),
    health: (peer, call) => question('health', call, (each) => driver.health(peer, each), checkHealth).catch(unknown),
    create: (request, call) => doing('create', call, (each) => driver.create(request, each)),
    join: (request, call) => doing('join', call, (each) => driver.join(request, each)),
    committed: (record, call) => doing('committed', call, (each) => driver.committed(record, each)),
    reset: (call) => doing('reset', call, (each) => driver.reset(each)),
    forget: (request, call) => doing('forget', call, (each) => driver.forget(request, each)),
    ...(driver.leave === undefined
      ? {}
      : { leave: (call: DriverGuardCall) => doing('leave', call, async (each) => driver.leave?.(each)) }),
    ...(driver.afterForget === undefined
      ? {}
      : {
          afterForget: (request: ForgetRequest, call: DriverGuardCall) =>
            doing('afterForget', call, async (each) => driver.afterForget?.(request, each)),
        }),
  };
}

type Work = (call: DriverCall) => Promise<void>;
