import { type DecodedEntry, type Entry, encodeEntry } from '@autocluster/core/backend';
import { decodeOwn, isFormation, type Layout, layoutAt, textOf } from './keys.js';
import type { KeyValue } from './transport.js';

const MAX_NATIVE_CHARACTERS = 64 * 1024;

/** The node that RabbitMQ's own peer discovery wrote: `{ node, lease_id, ttl }`. */
function nativeNode(text: string): string | undefined {
  if (text.length > MAX_NATIVE_CHARACTERS) return undefined;
  try {
    const fields: unknown = JSON.parse(text);
    if (typeof fields !== 'object' || fields === null || 'format' in fields || !('node' in fields)) return undefined;
    return typeof fields.node === 'string' ? fields.node : undefined;
  } catch {
    return undefined;
  }
}

function decodeNative(stored: KeyValue): DecodedEntry | undefined {
  const node = nativeNode(textOf(stored.value) ?? '');
  if (node === undefined) return undefined;
  // A native node registers once per boot, under a lease of its own: the lease tells its runs apart.
  const instance = `lease-${stored.lease.toString(16)}`;
  const unknown = { identity: undefined, recordVersion: undefined, metadata: {}, ttlMs: undefined };
  return { kind: 'entry', entry: { node, instance, state: 'ready', ...unknown } };
}

/** Our fields after those that RabbitMQ writes. A lease id has more digits than a JavaScript number keeps. */
function encodeForBoth(entry: Entry, lease: bigint): string {
  const seconds = Math.ceil((entry.ttlMs ?? 0) / 1000);
  return `{"lease_id":${lease},"ttl":${seconds},${encodeEntry(entry).slice(1)}`;
}

/**
 * The keys of RabbitMQ's etcd peer discovery, so that native nodes and ours list one another and contend for one lock.
 * What RabbitMQ does not know lies outside of the range that it lists, which is every key that starts with `…/nodes`.
 */
export function rabbitmqLayout(prefix: string, cluster: string): Layout {
  const discovery = `/rabbitmq/discovery/${prefix}/clusters/${cluster}/`;
  const locks = `/rabbitmq/locks/${prefix}/clusters/${cluster}/`;
  const places = {
    members: `${discovery}nodes/`,
    record: `${discovery}autocluster/record`,
    locks: (name: string) => (isFormation(name) ? `${locks}registration/` : `${locks}autocluster/${name}/`),
  };
  const decode = (stored: KeyValue): DecodedEntry => decodeNative(stored) ?? decodeOwn(stored);
  return { ...layoutAt(places), encode: encodeForBoth, decode };
}
