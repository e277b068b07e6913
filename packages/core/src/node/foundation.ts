import { checkDriver, type GuardedBackend, type GuardedDriver, guardBackend, guardDriver } from '../guard/index.js';
import { type Runtime, silentLogger, timestamp } from '../runtime/index.js';
import { createEventHub, type EventHub } from './event.js';
import { type ClusterNodeOptions, type NodeSettings, requireOptions, resolveOptions } from './options.js';
import { createReporter, type Reporter } from './reporter.js';
import { createWaitingWarning } from './waiting-warning.js';

/** What every part of a node rests on. */
export interface Foundation {
  readonly runtime: Runtime;
  readonly settings: NodeSettings;
  readonly backend: GuardedBackend;
  readonly driver: GuardedDriver;
  /** This run of the node. */
  readonly instance: string;
  readonly events: EventHub;
  readonly reporter: Reporter;
  readonly endWarnings: () => void;
}

/** Checks everything that a node is made of; throws at once when an option, the backend or the driver cannot be used. */
export function layFoundation(options: ClusterNodeOptions, runtime: Runtime): Foundation {
  requireOptions(options, 'createClusterNode');
  // The driver first: the defaults of many options depend on what it is.
  const settings = resolveOptions(options, checkDriver(options.driver));
  const logger = options.logger ?? silentLogger;
  const { callTimeoutMs, stopBudgetMs } = settings.timing;
  const events = createEventHub(() => timestamp(runtime.clock), logger, options.onEvent);
  const silent = options.logger === undefined && options.onEvent === undefined;
  const warning = silent
    ? createWaitingWarning(runtime, options.backend.cluster)
    : { see: () => undefined, end: () => undefined };
  return {
    runtime,
    settings,
    backend: guardBackend(options.backend, { runtime, callTimeoutMs }),
    driver: guardDriver(options.driver, { runtime, callTimeoutMs, workMs: settings.workMs, stopBudgetMs }),
    instance: runtime.uniqueId(),
    events,
    reporter: createReporter({ events, warning }),
    endWarnings: () => warning.end(),
  };
}
