import { hostname } from 'node:os';
import { invalidRange, requireName } from '@autocluster/core/driver';

export interface NodeName {
  /** Prefix, `@`, host. */
  readonly node: string;
  /** Long names carry a whole host name or address; nodes with long and with short names cannot talk to each other. */
  readonly longNames: boolean;
}

export interface NameWishes {
  /** With `@` it is the whole name, else its first part. */
  readonly node: string | undefined;
  readonly host: string | undefined;
  readonly longNames: boolean | undefined;
}

const NODE_NAME = /^[\w-]+@[\w.:-]+$/;
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** The first label of a name; an address is kept whole, and makes the name a long one. */
const shortHost = (host: string) => (IPV4.test(host) ? host : (host.split('.')[0] ?? host));

/**
 * The name of a node as RabbitMQ makes it: `rabbit` and this machine's name where nothing else is said. A dot in the host
 * part makes a long name.
 */
export function nodeName(wishes: NameWishes, machine: string = hostname()): NodeName {
  const { node = 'rabbit', longNames } = wishes;
  const at = node.indexOf('@');
  const prefix = at < 0 ? node : node.slice(0, at);
  const given = wishes.host ?? (at < 0 ? undefined : node.slice(at + 1));
  const host = given ?? (longNames === true ? machine : shortHost(machine));
  const name = `${prefix}@${host}`;
  const allowed = 'prefix@host, of letters, digits, - and _, the host also with dots';
  if (!NODE_NAME.test(name)) throw invalidRange('node', name, allowed);
  const isLong = host.includes('.') || host.includes(':');
  if (longNames === true && !isLong) {
    throw invalidRange('node', name, 'a host with a dot, since longNames is set: a whole host name or an address');
  }
  if (longNames === false && isLong) {
    throw invalidRange('node', name, 'a host without a dot, since longNames is false');
  }
  return { node: requireName('node', name), longNames: isLong };
}

/** Whether two nodes could talk to each other: names of both kinds do not mix. */
export const sameKind = (node: string, longNames: boolean): boolean => {
  const host = node.slice(node.indexOf('@') + 1);
  return (host.includes('.') || host.includes(':')) === longNames;
};
