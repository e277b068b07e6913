import { type Backend, type Bound, type Capabilities, ClusterError, requireName } from '../backend/index.js';
import { invalidType } from '../errors/index.js';
import { type Asked, booleanOf, fieldsOf, isFields, oneOf, textOf, wrong } from './check-value.js';

/** The version of both interfaces that this core speaks. */
export const SPI = 1;

export function requireSpi(kind: 'backend' | 'driver', name: unknown, spi: unknown): void {
  if (spi === SPI) return;
  const who = typeof name === 'string' ? `${kind} ${name}` : `the ${kind}`;
  const text = `${who} was written for version ${String(spi)} of the interface, this core speaks version ${SPI}`;
  throw new ClusterError('SPI_MISMATCH', text, { details: { expected: SPI, found: spi } });
}

/** What is called must be a function, before it is called for the first time in an emergency. */
export function requireVerbs(asked: Asked, object: object, verbs: readonly string[]): void {
  for (const verb of verbs) {
    if (typeof Reflect.get(object, verb) !== 'function') wrong(asked, verb, 'a function');
  }
}

function numberOf(asked: Asked, value: unknown, field: string, least: number): number {
  const fits = typeof value === 'number' && Number.isFinite(value) && value >= least;
  return fits ? value : wrong(asked, field, `a number of at least ${least}`);
}

function boundOf(asked: Asked, value: unknown, field: string): Bound {
  const fields = fieldsOf(asked, value, field);
  return Object.freeze({
    timesTtl: numberOf(asked, fields['timesTtl'], `${field}.timesTtl`, 0),
    plusMs: numberOf(asked, fields['plusMs'], `${field}.plusMs`, 0),
  });
}

function ttlOf(asked: Asked, value: unknown): Capabilities['ttl'] {
  if (value === 'none') return value;
  const fields = isFields(value) ? value : wrong(asked, 'ttl', "an object of limits, nor 'none'");
  const minMs = numberOf(asked, fields['minMs'], 'ttl.minMs', 1);
  const maxMs = numberOf(asked, fields['maxMs'], 'ttl.maxMs', minMs);
  return Object.freeze({ minMs, maxMs, stepMs: numberOf(asked, fields['stepMs'], 'ttl.stepMs', 1) });
}

function takeoverOf(asked: Asked, value: unknown): Capabilities['takeover'] {
  const fields = fieldsOf(asked, value, 'takeover');
  return Object.freeze({
    earliest: boundOf(asked, fields['earliest'], 'takeover.earliest'),
    latest: boundOf(asked, fields['latest'], 'takeover.latest'),
  });
}

function capabilitiesOf(asked: Asked, value: unknown): Capabilities {
  const fields = fieldsOf(asked, value, 'capabilities');
  return Object.freeze({
    registration: oneOf(asked, fields['registration'], ['explicit', 'platform'], 'registration'),
    metadata: booleanOf(asked, fields['metadata'], 'metadata'),
    ttl: ttlOf(asked, fields['ttl']),
    listConsistency: oneOf(asked, fields['listConsistency'], ['linearizable', 'eventual'], 'listConsistency'),
    ordered: booleanOf(asked, fields['ordered'], 'ordered'),
    exclusiveNames: booleanOf(asked, fields['exclusiveNames'], 'exclusiveNames'),
    lock: oneOf(asked, fields['lock'], ['none', 'advisory', 'fenced'], 'lock'),
    tokenIsRevision:
      fields['tokenIsRevision'] === undefined ? false : booleanOf(asked, fields['tokenIsRevision'], 'tokenIsRevision'),
    record: oneOf(asked, fields['record'], ['separate', 'atomic'], 'record'),
    takeover: takeoverOf(asked, fields['takeover']),
    watch: booleanOf(asked, fields['watch'], 'watch'),
    watchesExpiry: booleanOf(asked, fields['watchesExpiry'] ?? false, 'watchesExpiry'),
  });
}

export interface Manifest {
  readonly name: string;
  readonly cluster: string;
  readonly capabilities: Capabilities;
}

const VERBS = ['register', 'unregister', 'list', 'lock', 'unlock', 'close'] as const;

/** The constant part of a backend, checked once, before anything relies on it. */
export function checkManifest(backend: Backend): Manifest {
  if (!isFields(backend)) throw invalidType('backend', backend, 'a backend, e.g. memory() or etcd({ … })');
  requireSpi('backend', backend.name, backend.spi);
  const asked: Asked = { who: 'backend', operation: 'manifest' };
  const name = textOf(asked, backend.name, 'name');
  const capabilities = capabilitiesOf({ who: name, operation: 'capabilities' }, backend.capabilities);
  requireVerbs(asked, backend, VERBS);
  const hasWatch = typeof backend.watch === 'function';
  if (hasWatch !== capabilities.watch) wrong(asked, 'watch', capabilities.watch ? 'a function' : 'missing');
  return { name, cluster: requireName(`${name}.cluster`, backend.cluster), capabilities };
}
