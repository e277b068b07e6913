import {
  type DecodedEntry,
  decodeEntry,
  type Entry,
  encodeEntry,
  FORMATION_LOCK,
  nameProblem,
} from '@autocluster/core/backend';
import type { KeyRange, KeyValue } from './transport.js';

/** Where everything of one cluster lies in the store, and how a registration is written there. */
export interface Layout {
  readonly members: KeyRange;
  memberKey(node: string): Buffer;
  /** The node of a member's key; undefined for a key that {@link memberKey} cannot have made. */
  nodeOf(key: Buffer): string | undefined;
  readonly record: Buffer;
  /** All contenders of one lock, ours and those of `etcdctl lock`. */
  lockRange(name: string): KeyRange;
  lockKey(name: string, lease: bigint): Buffer;
  encode(entry: Entry, lease: bigint): string;
  decode(stored: KeyValue): DecodedEntry;
}

export interface Places {
  /** Ends with a slash, as does what `locks` answers. */
  readonly members: string;
  readonly record: string;
  readonly locks: (name: string) => string;
}

/** The first key after all keys that start with `prefix`. */
function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end.writeUInt8(end.readUInt8(last) + 1, last);
  return end;
}

export function rangeOf(prefix: string): KeyRange {
  const key = Buffer.from(prefix);
  return { key, end: endOf(key) };
}

/** The range of one key. */
export const only = (key: Buffer): KeyRange => ({ key });

/** The text of a key or value; undefined when its bytes are not UTF-8, so that no two keys are read as one. */
export function textOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

/** A key for people: shortened, and without control characters. */
export function shownKey(key: Buffer): string {
  return JSON.stringify(key.toString('utf8', 0, 300)).slice(1, -1);
}

/** A layout over given places; a name goes into its key unchanged, which is a bijection since no name has a slash. */
export function layoutAt(places: Places): Omit<Layout, 'encode' | 'decode'> {
  const members = rangeOf(places.members);
  return {
    members,
    memberKey: (node) => Buffer.from(places.members + node),
    nodeOf(key) {
      if (!key.subarray(0, members.key.length).equals(members.key)) return undefined;
      const node = textOf(key.subarray(members.key.length));
      return node === undefined || nameProblem(node) !== undefined ? undefined : node;
    },
    record: Buffer.from(places.record),
    lockRange: (name) => rangeOf(places.locks(name)),
    // The convention of etcd's own concurrency package, so that `etcdctl lock` contends with us.
    lockKey: (name, lease) => Buffer.from(places.locks(name) + lease.toString(16)),
  };
}

/** Reads a member's value as this library writes it. */
export function decodeOwn({ value }: KeyValue): DecodedEntry {
  const text = textOf(value);
  return text === undefined ? { kind: 'unreadable', reason: 'not UTF-8' } : decodeEntry(text);
}

/** This library's own layout: everything below `/<prefix>/<cluster>/`. */
export function autoclusterLayout(prefix: string, cluster: string): Layout {
  const root = `/${prefix}/${cluster}/`;
  const places = {
    members: `${root}members/`,
    record: `${root}record`,
    locks: (name: string) => `${root}locks/${name}/`,
  };
  return { ...layoutAt(places), encode: encodeEntry, decode: decodeOwn };
}

export const isFormation = (lock: string): boolean => lock === FORMATION_LOCK;
