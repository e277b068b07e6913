import { CallFailure } from './errors.js';
import type { Reply } from './transport.js';

export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly createIndex: bigint;
  readonly modifyIndex: bigint;
  /** undefined: nobody holds the key. */
  readonly session: string | undefined;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** An answer that Consul does not give. It is a failure, never an absence. */
export const garbled = ({ agent, text }: Reply, expected: string): CallFailure =>
  new CallFailure('garbled', `answered ${JSON.stringify(text.slice(0, 80))} instead of ${expected}`, agent);

export function jsonOf(reply: Reply): unknown {
  try {
    return JSON.parse(reply.text);
  } catch {
    throw garbled(reply, 'JSON');
  }
}

export function listOf(reply: Reply): readonly Record<string, unknown>[] {
  const list = jsonOf(reply);
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw garbled(reply, 'a list');
}

/** Every answer about keys has the index; one without it comes from somebody else. */
export function indexOf(reply: Reply): bigint {
  if (reply.index === undefined) throw garbled(reply, "Consul's index");
  return reply.index;
}

function countOf(reply: Reply, value: unknown): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw garbled(reply, 'an index');
}

export function keyValueOf(reply: Reply, value: unknown): KeyValue {
  if (!isObject(value) || typeof value['Key'] !== 'string') throw garbled(reply, 'a key');
  const { Key: key, Value: text, Session: session } = value;
  return {
    key,
    value: Buffer.from(typeof text === 'string' ? text : '', 'base64'),
    createIndex: countOf(reply, value['CreateIndex']),
    modifyIndex: countOf(reply, value['ModifyIndex']),
    session: typeof session === 'string' && session !== '' ? session : undefined,
  };
}

/** The text of a value; undefined when its bytes are not UTF-8. */
export function textOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A duration as Go writes it, e.g. `1m30s`, in ms; undefined when it is none. */
export function durationMs(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(text)) return undefined;
  const parts = text.match(/\d+(?:\.\d+)?(?:h|ms|m|s)/g) ?? [];
  return parts.reduce((sum, part) => sum + Number.parseFloat(part) * (UNITS[part.replace(/[\d.]+/, '')] ?? 0), 0);
}
