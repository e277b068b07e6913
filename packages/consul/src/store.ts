import { durationMs, garbled, indexOf, isObject, jsonOf, type KeyValue, keyValueOf, listOf } from './answers.js';
import type { ConsulClient } from './client.js';
import { CallFailure } from './errors.js';
import type { Exchange } from './exchange.js';
import { type Layout, pathOf, shownKey } from './keys.js';
import {
  isRefusal,
  isWrite,
  type Step,
  type TransactionReply,
  transactionReplyOf,
  transactionText,
} from './transaction.js';
import type { Reply } from './transport.js';

export interface SessionRequest {
  /** For people: shown in the UI. */
  readonly name: string;
  readonly ttlMs: number;
  readonly lockDelayMs: number;
  /** What becomes of the keys that it holds at its end. */
  readonly behavior: 'release' | 'delete';
}

const SHORTEST_TTL_MS = 10_000;

/** What Consul grants for the TTL that is asked for: whole seconds of ours, and no less than its own least. */
export const grantedMs = (ttlMs: number): number => Math.max(SHORTEST_TTL_MS, Math.ceil(ttlMs / 1000) * 1000);

export interface Tree {
  readonly entries: readonly KeyValue[];
  /** From which to wait for the next change. */
  readonly index: bigint;
}

const isAbsence = ({ status }: Reply): boolean => status === 404;

/** In Consul's words: a proxy before the agent has a 404 of its own, which says nothing about sessions. */
const isGone = ({ status, text }: Reply): boolean => status === 404 && /session .*not found/i.test(text);

const isMeshOff = ({ status, text }: Reply): boolean => status === 500 && text.includes('Connect must be enabled');

function sessionOf(reply: Reply): string {
  const fields = jsonOf(reply);
  const id = isObject(fields) ? fields['ID'] : undefined;
  if (typeof id !== 'string' || id === '') throw garbled(reply, 'a session');
  return id;
}

function ttlOf(reply: Reply): number {
  if (isGone(reply)) return 0;
  const ttlMs = durationMs(listOf(reply)[0]?.['TTL']);
  if (ttlMs === undefined) throw garbled(reply, 'a TTL');
  return ttlMs;
}

function treeOf(reply: Reply): Tree {
  // Consul leaves out what the token may not read, and says so only here.
  if (reply.filtered) throw new CallFailure('forbidden', 'the answer is not complete', reply.agent);
  const entries = reply.status === 404 ? [] : listOf(reply).map((each) => keyValueOf(reply, each));
  return { entries, index: indexOf(reply) };
}

/** Keys and sessions of one cluster: each method is one request. */
export class Store {
  readonly client: ConsulClient;
  readonly layout: Layout;
  readonly #keyScope: Readonly<Record<string, string>>;

  constructor(client: ConsulClient, layout: Layout, scope: Readonly<Record<string, string>>) {
    this.client = client;
    this.layout = layout;
    const { ns, partition } = scope;
    this.#keyScope = {
      ...(ns === undefined ? {} : { Namespace: ns }),
      ...(partition === undefined ? {} : { Partition: partition }),
    };
  }

  transact(exchange: Exchange, subject: string, steps: readonly Step[]): Promise<TransactionReply> {
    const writes = isWrite(steps);
    const purpose = {
      subject: `${writes ? 'write' : 'read'} ${subject}`,
      writes,
      repeatable: !writes,
      accepts: isRefusal,
    };
    const body = transactionText(steps, this.#keyScope);
    const query = writes ? {} : { consistent: 'true' };
    return this.client.ask(exchange, purpose, { method: 'PUT', path: '/txn', query, body }, transactionReplyOf);
  }

  /** All below a key that ends with a slash, of one moment. */
  tree(exchange: Exchange, prefix: string): Promise<Tree> {
    const subject = `read ${shownKey(prefix)}*`;
    const purpose = { subject, writes: false, repeatable: true, accepts: isAbsence };
    const query = { recurse: 'true', consistent: 'true' };
    return this.client.ask(exchange, purpose, { method: 'GET', path: `/kv/${pathOf(prefix)}`, query }, treeOf);
  }

  /** The index of the last write to any key of this Consul: asked of a key that is never written. */
  revision(exchange: Exchange): Promise<bigint> {
    const { nothing } = this.layout;
    const purpose = { subject: `read ${shownKey(nothing)}`, writes: false, repeatable: true, accepts: isAbsence };
    const query = { consistent: 'true' };
    return this.client.ask(exchange, purpose, { method: 'GET', path: `/kv/${pathOf(nothing)}`, query }, indexOf);
  }

  /**
   * Waits for a change below a key that ends with a slash, or of the key itself, and answers the index from which to wait
   * next; at most `waitMs`, since some connections die without a sign.
   */
  changed(exchange: Exchange, key: string, index: bigint, waitMs: number): Promise<bigint> {
    const purpose = {
      subject: `watch ${shownKey(key)}`,
      writes: false,
      repeatable: false,
      accepts: isAbsence,
      // Consul adds up to a sixteenth, so that not all wake at once.
      waitsMs: Math.ceil((waitMs * 17) / 16) + 2000,
    };
    const names: Readonly<Record<string, string>> = key.endsWith('/') ? { keys: 'true' } : {};
    const query = { ...names, index: String(index), wait: `${waitMs}ms` };
    return this.client.ask(exchange, purpose, { method: 'GET', path: `/kv/${pathOf(key)}`, query }, indexOf);
  }

  /** The identity of this Consul, which its snapshots keep; undefined where the mesh is off, to which it belongs. */
  identity(exchange: Exchange): Promise<string | undefined> {
    const purpose = { subject: "read Consul's identity", writes: false, repeatable: true, accepts: isMeshOff };
    return this.client.ask(exchange, purpose, { method: 'GET', path: '/connect/ca/roots' }, (reply) => {
      const fields = isMeshOff(reply) ? {} : jsonOf(reply);
      const domain = isObject(fields) ? fields['TrustDomain'] : undefined;
      return typeof domain === 'string' && domain !== '' ? domain : undefined;
    });
  }

  /** A session without keys: when its answer is lost, it lapses without anybody noticing. */
  createSession(exchange: Exchange, { name, ttlMs, lockDelayMs, behavior }: SessionRequest): Promise<string> {
    const purpose = { subject: 'create a session', writes: false, repeatable: false };
    const times = { TTL: `${grantedMs(ttlMs) / 1000}s`, LockDelay: `${lockDelayMs}ms` };
    // With checks bound, a session ends at the first doubt about its agent. None are bound only by saying so.
    const body = JSON.stringify({ Name: name, ...times, Behavior: behavior, NodeChecks: [] });
    return this.client.ask(exchange, purpose, { method: 'PUT', path: '/session/create', body }, sessionOf);
  }

  /** The TTL from now on, in ms; 0 when the session is gone. */
  renewSession(exchange: Exchange, id: string): Promise<number> {
    const purpose = { subject: 'renew a session', writes: true, repeatable: true, accepts: isGone };
    const path = `/session/renew/${encodeURIComponent(id)}`;
    return this.client.ask(exchange, purpose, { method: 'PUT', path }, ttlOf);
  }

  /** Ends a session and what it holds. One that is gone already counts as ended. */
  destroySession(exchange: Exchange, id: string): Promise<void> {
    const purpose = { subject: 'destroy a session', writes: true, repeatable: false };
    const path = `/session/destroy/${encodeURIComponent(id)}`;
    return this.client.ask(exchange, purpose, { method: 'PUT', path }, () => undefined);
  }

  /** Ends a session that is of no more use. Never rejects: what cannot be ended lapses. */
  discardSession(exchange: Exchange, id: string): Promise<void> {
    return this.client.tidy(exchange, (tidying) => this.destroySession(tidying, id));
  }
}
