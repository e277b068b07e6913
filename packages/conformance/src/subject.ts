import type { Backend, NodeId } from '@autocluster/core/backend';

/** What can go wrong on the way between one client and its store. Each lasts until {@link FaultPort.heal}. */
export interface FaultPort {
  /** Connections stay open, and nothing passes in either direction. */
  stall(): void;
  /** Requests arrive, answers do not. Over TCP that many pieces of answers pass before. Default 0. */
  dropReplies(after?: number): void;
  /** Requests arrive; instead of an answer, or instead of the piece after so many of them, the connection breaks. */
  cutReplies(after?: number): void;
  /** Requests arrive; the answers are noise. */
  garble(): void;
  /** Every message takes this much longer, in ms. */
  delay(ms: number): void;
  /** Connections break, and no new one comes about. */
  refuse(): void;
  /** Ends all of these. What an answer got lost of stays lost: such connections break. */
  heal(): Promise<void> | void;
  /** Every request that arrives from now on arrives once more, `afterMs` later. Only where the port can do it. */
  duplicate?(afterMs: number): void;
}

/** What lies between a client and its store, and how the kit gets in between. */
export type Wire =
  /** A server that listens there. The kit puts a TCP proxy of its own before it: use {@link Place.url}. */
  | { readonly kind: 'tcp'; readonly url: string }
  /** The client itself can be told to misbehave. */
  | { readonly kind: 'direct'; readonly faults: (client: Backend) => FaultPort }
  /** Nothing does, e.g. a file. Cases that need a wire are not asked, and the report tells this reason. */
  | { readonly kind: 'none'; readonly because: string };

/** Where a client is to be opened. */
export interface Place {
  /** The cluster that it is bound to: a name that nobody used before. */
  readonly cluster: string;
  /** With `wire: { kind: 'tcp' }`: the URL to connect to, with the scheme and path of the one that was given. */
  readonly url: string;
}

/** What somebody with access to the store does by hand, past the backend and without its proxy. */
export interface Operator {
  /** Deletes the lock's own key, or what stands for it, while the lease or session behind it lives on. */
  deleteLock(name: string): Promise<void>;
  /** Deletes a member's own key, while its lease or session lives on. */
  deleteMember(node: NodeId): Promise<void>;
  deleteRecord(): Promise<void>;
  /** Puts a text in the place of the record: anything, not only what is one. */
  writeRecord(text: string): Promise<void>;
  /** Puts a text in the place of a member's entry: anything, not only what is one. */
  writeMember(node: NodeId, text: string): Promise<void>;
  /**
   * Everything that the store keeps for this cluster, one text each, leases and sessions included: the same texts before
   * and after mean that nothing was left behind.
   */
  inventory(): Promise<readonly string[]>;
  /** With `registration: 'platform'`: lets the platform know this node. */
  addToPlatform?(node: NodeId): Promise<void>;
}

/** A store that is to be tested, and how to get at it. */
export interface BackendSubject {
  /** For the report, e.g. `redis`. */
  readonly name: string;
  readonly wire: Wire;
  /** Makes a backend of its own at every call: its own connections, nothing shared. The kit closes it. */
  client(place: Place): Backend;
  operator(cluster: string): Operator;
  /** The TTL of the cases that wait for an end, in ms. Default: the least of the manifest, but 3000 at least. */
  readonly ttlMs?: number;
  /** How long a call may take on a healthy store, in ms. Default 5000. */
  readonly callTimeoutMs?: number;
  /** With `listConsistency: 'eventual'`: how late a list may be, in ms; the kit waits that long before each. Default 2000. */
  readonly listLagMs?: number;
  /** A client whose credentials lack the permission to read, for stores that have permissions. */
  readonly forbidden?: (place: Place) => Backend;
  /** Stops the store and starts it again with its data. No other case runs meanwhile. */
  readonly restart?: () => Promise<void>;
  /** Cases that are known to fail, by id, each with its reason. One that passes all the same is an error. */
  readonly knownFailures?: Readonly<Record<string, string>>;
  /** After the last case. */
  readonly close?: () => Promise<void>;
}

/** Only checks types: `export default backendSubject({ … })`. */
export const backendSubject = (subject: BackendSubject): BackendSubject => subject;
