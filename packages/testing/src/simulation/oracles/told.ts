import {
  type ClusterRecord,
  FORMATION_LOCK,
  type LockGrant,
  type LockRequest,
  type MemberList,
} from '@autocluster/core/backend';
import type { Membership, NodeHealth } from '@autocluster/core/driver';
import type { Actor } from '../actor.js';
import type { Call, Listener, NodeFact } from '../facts.js';
import { grantOf, isList, outcomeOf } from '../outcome.js';
import { perHistory } from './oracle.js';

/** An answer that reached its caller, on the clock of the process. */
export interface Answer<T> {
  readonly value: T;
  readonly sentMs: number;
  readonly atMs: number;
}

/** So many answers are kept at least: more than come while anybody decides on one. */
const KEPT = 40;

/** Trimmed now and then, not each time. */
function keep<T>(log: T[], answer: T): void {
  log.push(answer);
  if (log.length > 3 * KEPT) log.splice(0, log.length - KEPT);
}

/**
 * What one process was told, and may decide on. The core may use less of it: it asks for more than one purpose. So a check says
 * that something must not be done only when all that was told speaks against it.
 */
export class Told {
  readonly lists: Answer<MemberList>[] = [];
  readonly memberships: Answer<Membership>[] = [];
  readonly healths: (Answer<NodeHealth> & { readonly node: string; readonly mayBeForReport: boolean })[] = [];
  /** The latest grant of the formation lock. */
  grant: Answer<LockGrant> | undefined;
  /** What the last answer to a registration says: `registered`, `conflict` … */
  registered: string | undefined;
  /** When the daemon was last told to create, and had done it. */
  createdMs: number | undefined;
  /** When the daemon was last told that it is in, and had done it. */
  committedMs: number | undefined;
  /** When a first record was last written, whatever came of it. */
  wroteMs: number | undefined;
  resetMs: number | undefined;
  /** Since when a report of health is being made. */
  reportingSinceMs: number | undefined;

  listsSince(sinceMs: number): readonly MemberList[] {
    return this.lists.filter(({ sentMs }) => sentMs >= sinceMs).map(({ value }) => value);
  }
}

/** Whether the core can have taken this answer: what was given up, or asked for a report, decides nothing. */
const reached = ({ reporting, signal, end }: Call): boolean =>
  end?.kind === 'resolved' && !reporting && !signal.aborted;

const kindOf = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null && 'kind' in value ? String(value.kind) : undefined;

class ToldLog implements Listener {
  readonly #told = new Map<Actor, Told>();

  of(actor: Actor): Told {
    const known = this.#told.get(actor) ?? new Told();
    this.#told.set(actor, known);
    return known;
  }

  readonly sent = ({ actor, verb, request }: Call): void => {
    const told = this.of(actor);
    const nowMs = actor.clock.monotonicMs();
    if (verb === 'reset') told.resetMs = nowMs;
    if (verb !== 'unlock') return;
    const { record } = request as { readonly record: ClusterRecord | undefined };
    if (record?.version === 1) told.wroteMs = nowMs;
  };

  readonly node = (actor: Actor, { kind }: NodeFact): void => {
    if (kind === 'health-asked') this.of(actor).reportingSinceMs = actor.clock.monotonicMs();
    if (kind === 'health-told' || kind === 'health-refused') this.of(actor).reportingSinceMs = undefined;
  };

  readonly answered = (call: Call): void => {
    const { actor, verb, ownSentMs: sentMs, end } = call;
    const told = this.of(actor);
    const atMs = actor.clock.monotonicMs();
    if (verb === 'create' && end?.kind === 'resolved') told.createdMs = atMs;
    if (verb === 'committed' && end?.kind === 'resolved') told.committedMs = atMs;
    if (!reached(call) || !end) return;
    const { value } = end;
    if (verb === 'list' && isList(value)) keep(told.lists, { value, sentMs, atMs });
    else if (verb === 'membership') {
      keep(told.memberships, { value: value as Membership, sentMs, atMs });
    } else if (verb === 'health') {
      const { node } = call.request as { readonly node: string };
      const mayBeForReport = sentMs >= (told.reportingSinceMs ?? Number.POSITIVE_INFINITY);
      keep(told.healths, { node, value: value as NodeHealth, sentMs, atMs, mayBeForReport });
    } else if (verb === 'register') told.registered = kindOf(value);
    else if (verb === 'lock') this.#locked(told, call, value);
  };

  #locked(told: Told, { actor, request, ownSentMs }: Call, value: unknown): void {
    const { name, held } = request as LockRequest;
    if (name !== FORMATION_LOCK || held || outcomeOf(value) !== 'held' || grantOf(value).token === undefined) return;
    const { grant } = value as { readonly grant: LockGrant };
    told.grant = { value: grant, sentMs: ownSentMs, atMs: actor.clock.monotonicMs() };
  }
}

export const toldIn = perHistory(() => new ToldLog());
