import { type MemberList, nameProblem, type Registration } from '@autocluster/core/backend';
import { shortHost } from './address.js';
import { isObject, listOf } from './answers.js';
import type { ConsulClient } from './client.js';
import type { ConsulConfig } from './config.js';
import { CallFailure } from './errors.js';
import type { Exchange } from './exchange.js';
import { META, NATIVE_NAME } from './service.js';
import type { Reply } from './transport.js';

type Skipped = MemberList['skipped'][number];

/** RabbitMQ's own default, for which it sets and asks no tag. */
const UNTAGGED = 'default';

const textIn = (fields: unknown, name: string): string => {
  const value = isObject(fields) ? fields[name] : undefined;
  return typeof value === 'string' ? value : '';
};

const fieldsIn = (fields: unknown, name: string): unknown => (isObject(fields) ? fields[name] : undefined);

/** The name that RabbitMQ itself would give this instance of its service. */
function nameOf({ domain, service }: ConsulConfig, instance: Record<string, unknown>): string {
  const { Service: found, Node: machine } = instance;
  const told = textIn(fieldsIn(found, 'Meta'), NATIVE_NAME);
  if (told !== '') return told;
  const address = textIn(found, 'Address');
  if (address !== '') return `rabbit@${service.useLongname ? address : shortHost(address)}`;
  return `rabbit@${textIn(machine, 'Node')}${service.useLongname ? `.node.${domain}` : ''}`;
}

/** What speaks against an instance: its first check that does not pass. */
function troubleOf({ includeWarnings }: ConsulConfig, { Checks: checks }: Record<string, unknown>): string | undefined {
  const accepted = includeWarnings ? ['passing', 'warning'] : ['passing'];
  const all: readonly unknown[] = Array.isArray(checks) ? checks : [];
  const bad = all.find((check) => !accepted.includes(textIn(check, 'Status')));
  return bad === undefined ? undefined : `its check ${textIn(bad, 'CheckID')} is ${textIn(bad, 'Status')}`;
}

function memberOf(config: ConsulConfig, instance: Record<string, unknown>): Registration | Skipped {
  const { Service: found } = instance;
  const ref = textIn(found, 'ID');
  const skipped = (reason: string): Skipped => ({ key: `service ${ref}`, reason });
  const node = nameOf(config, instance);
  const problem = nameProblem(node) ?? troubleOf(config, instance);
  if (problem !== undefined) return skipped(problem);
  const index = fieldsIn(found, 'CreateIndex');
  if (typeof index !== 'number') return skipped('it has no index');
  const unknown = { identity: undefined, recordVersion: undefined, metadata: {}, ttlMs: undefined };
  // A native node registers once per boot; the index tells its runs apart, and orders them among ours.
  return { node, instance: `index-${index}`, state: 'ready', ...unknown, order: BigInt(index), ref };
}

const isOurs = ({ Service: found }: Record<string, unknown>): boolean =>
  textIn(fieldsIn(found, 'Meta'), META.node) !== '';

/** Members that RabbitMQ's own peer discovery has registered, as it would list them. */
export function listNative(
  client: ConsulClient,
  exchange: Exchange,
  config: ConsulConfig,
): Promise<readonly (Registration | Skipped)[]> {
  const { cluster, service } = config;
  const purpose = { subject: `read service ${service.name}`, writes: false, repeatable: true };
  const query = { consistent: 'true', ...(cluster === UNTAGGED ? {} : { tag: cluster }) };
  const read = (reply: Reply): readonly (Registration | Skipped)[] => {
    if (reply.filtered) throw new CallFailure('forbidden', 'the answer is not complete', reply.agent);
    const natives = listOf(reply).filter((instance) => !isOurs(instance));
    return natives.map((instance) => memberOf(config, instance));
  };
  const path = `/health/service/${encodeURIComponent(service.name)}`;
  return client.ask(exchange, purpose, { method: 'GET', path, query }, read);
}
