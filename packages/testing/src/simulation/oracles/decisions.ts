import {
  type ClusterIdentity,
  type ClusterRecord,
  type LockGrant,
  type MemberList,
  type RegisterRequest,
  sameIdentity,
  type StoredRecord,
} from '@autocluster/core/backend';
import type { LocalIdentity, Membership, NodeHealth } from '@autocluster/core/driver';
import type { Actor } from '../actor.js';
import type { Call } from '../facts.js';
import type { Court, Watcher } from './oracle.js';
import { type Answer, type Told, toldIn } from './told.js';

/** Clocks are compared to this, in ms: they are sums of fractions. */
export const TOLERANCE_MS = 1;

/** How long a list may decide: as the core has it, on the clock of the process. */
const decidesMs = ({ stage }: Court): number => stage.timing.renewalMs + stage.timing.callTimeoutMs;

const claims = (own: LocalIdentity | undefined): ClusterIdentity | undefined =>
  own?.kind === 'committed' || own?.kind === 'provisional' ? own : undefined;

const isSame = (a: StoredRecord, b: StoredRecord): boolean =>
  a.kind === 'present' && b.kind === 'present'
    ? sameIdentity(a.record, b.record) && a.record.version === b.record.version
    : a.kind === b.kind;

const showsOthers = ({ members }: MemberList, { name }: Actor): boolean =>
  members.some((member) => member.node !== name && member.identity !== undefined);

/** Under its lock a node looks again, and does nothing when all that it sees contradicts the grant. */
export function watchGrants(court: Court): Watcher {
  const { check, stage } = court;
  const log = toldIn(court);
  const agrees = (told: Told, token: bigint | undefined, sinceMs: number): boolean => {
    const { grant } = told;
    if (grant?.value.token !== token || grant?.value.record === undefined || stage.traits.store === 'late') return true;
    const { record } = grant.value;
    return told.listsSince(Math.max(grant.sentMs, sinceMs)).some((list) => isSame(list.record, record));
  };
  return {
    sent({ actor, verb, request }) {
      if (verb === 'create' || verb === 'join') {
        const { token } = request as { readonly token: bigint | undefined };
        const told = log.of(actor);
        check(agrees(told, token, 0), () => `${actor.label}: ${verb} against the record that came with its lock`);
        const listed = told.lists.at(-1);
        const ageMs = actor.clock.monotonicMs() - (listed?.sentMs ?? Number.NEGATIVE_INFINITY);
        // Data that had to go first take their time.
        const wasReset = told.resetMs !== undefined && told.resetMs >= (listed?.sentMs ?? 0);
        const isFresh = wasReset || ageMs <= decidesMs(court) + TOLERANCE_MS;
        check(isFresh, () => `${actor.label}: ${verb} on a list that it asked for ${ageMs} ms ago`);
      } else if (verb === 'unlock') {
        const { grant, record } = request as { readonly grant: LockGrant; readonly record: ClusterRecord | undefined };
        const told = log.of(actor);
        const { createdMs } = told;
        if (record?.version !== 1 || createdMs === undefined || createdMs < (told.grant?.atMs ?? 0)) return;
        check(agrees(told, grant.token, createdMs), () => `${actor.label} commits without another look`);
        const isAlone = told.listsSince(createdMs).some((list) => !showsOthers(list, actor));
        check(isAlone, () => `${actor.label} commits a cluster while others are listed with one`);
      }
    },
  };
}

/** What is put on record the daemon says of itself. */
export function watchCommits(court: Court): Watcher {
  const log = toldIn(court);
  return {
    sent({ actor, verb, request }) {
      if (verb !== 'unlock') return;
      const { record } = request as { readonly record: ClusterRecord | undefined };
      const { createdMs, grant, memberships } = log.of(actor);
      if (record?.version !== 1 || createdMs === undefined || createdMs < (grant?.atMs ?? 0)) return;
      const said = memberships.filter(({ sentMs }) => sentMs >= createdMs).map(({ value }) => value.identity);
      const isThere = said.some((own) => sameIdentity(claims(own), record));
      court.check(isThere, () => `${actor.label} commits ${record.clusterId}, which its daemon does not have`);
    },
  };
}

/** A commit whose answer did not come is looked up before anything is destroyed. */
export function watchUndoing(court: Court): Watcher {
  const log = toldIn(court);
  return {
    sent({ actor, verb }) {
      if (verb !== 'reset') return;
      const { wroteMs, lists } = log.of(actor);
      const hasLooked = wroteMs === undefined || lists.some(({ sentMs }) => sentMs >= wroteMs);
      court.check(hasLooked, () => `${actor.label} destroys what it may have put on record, without a look`);
    },
  };
}

/** How many live members told this node, in the time in which it can have decided, that they do not count it. */
function lacking(told: Told, actor: Actor, identity: ClusterIdentity, sinceMs: number): number {
  const lacks = ({ status, view }: NodeHealth) =>
    status === 'up' &&
    view?.identity.kind === 'committed' &&
    sameIdentity(view.identity, identity) &&
    !view.members.includes(actor.name);
  return new Set(told.healths.filter(({ atMs, value }) => atMs >= sinceMs && lacks(value)).map(({ node }) => node))
    .size;
}

/** When each node, by its own clock, was last seen to wait for its daemon to keep a record, for longer than a call may take. */
function watchNaming({ stage }: Court) {
  const begunMs = new Map<Actor, number>();
  const endedMs = new Map<Actor, number>();
  const isLong = (actor: Actor, beganMs: number) => actor.clock.monotonicMs() - beganMs > stage.timing.callTimeoutMs;
  return {
    sent: ({ actor, verb, ownSentMs }: Call): void => void (verb === 'committed' && begunMs.set(actor, ownSentMs)),
    answered: ({ actor, verb, ownSentMs }: Call): void => {
      if (verb !== 'committed') return;
      begunMs.delete(actor);
      if (isLong(actor, ownSentMs)) endedMs.set(actor, actor.clock.monotonicMs());
    },
    lastMs: (actor: Actor): number => {
      const beganMs = begunMs.get(actor);
      const isNaming = beganMs !== undefined && isLong(actor, beganMs);
      return isNaming ? actor.clock.monotonicMs() : (endedMs.get(actor) ?? Number.NEGATIVE_INFINITY);
    },
  };
}

/** Nobody is offered as ready with what its daemon has said, again and again, that it has not. */
export function watchOffers(court: Court): Watcher {
  const log = toldIn(court);
  const noticedMs = 3 * decidesMs(court);
  const naming = watchNaming(court);
  return {
    answered: naming.answered,
    sent(call) {
      naming.sent(call);
      const { actor, verb, request } = call;
      if (verb !== 'register' || !court.stage.durable) return;
      const { state, identity } = request as RegisterRequest;
      if (state !== 'ready') return;
      const { committedMs = 0, ...told } = log.of(actor);
      const memberships = told.memberships.filter(({ sentMs }) => sentMs >= committedMs);
      const nowMs = actor.clock.monotonicMs();
      const from = memberships.findLastIndex(({ atMs }) => atMs <= nowMs - noticedMs);
      // Meanwhile it decides nothing, and then it looks first.
      if (from < 0 || naming.lastMs(actor) > nowMs - decidesMs(court)) return;
      const isDenied = ({ value: { identity: own } }: Answer<Membership>): boolean =>
        own.kind !== 'committed' || !sameIdentity(own, identity);
      const denied = memberships.slice(1 + memberships.findLastIndex((each) => !isDenied(each)));
      // What was said only for a moment, before the daemon fell silent, may have been told to cleanup alone.
      const isBrief = (denied.at(-1)?.atMs ?? 0) - (denied[0]?.atMs ?? 0) < decidesMs(court);
      court.check(
        isBrief || !memberships.slice(from).every(isDenied),
        () => `${actor.label} is offered as ready in ${identity?.clusterId}, which its daemon denies`,
      );
    },
  };
}

/** Whether so many told it lately that they do not count it that they may be a majority. */
export function watchLacked(court: Court): (actor: Actor) => boolean {
  const log = toldIn(court);
  return (actor) => {
    const told = log.of(actor);
    const own = told.memberships.at(-1)?.value;
    if (own?.identity.kind !== 'committed') return false;
    const sinceMs = actor.clock.monotonicMs() - 2 * decidesMs(court);
    return lacking(told, actor, own.identity, sinceMs) * 2 > own.members.length;
  };
}

/** Whoever gives up a membership of the cluster on record was removed, or a majority told it that they do not count it. */
export function watchGivingUp(court: Court): Watcher {
  const { check, stage } = court;
  const log = toldIn(court);
  const judge = (actor: Actor) => {
    const told = log.of(actor);
    const own: Membership | undefined = told.memberships.at(-1)?.value;
    const sinceMs = actor.clock.monotonicMs() - 2 * decidesMs(court);
    if (!stage.durable || own?.identity.kind !== 'committed') return;
    const { identity, members } = own;
    const lists = told.listsSince(sinceMs);
    const records = lists.flatMap(({ record }) => (record.kind === 'present' ? [record.record] : []));
    const isOnRecord = (record: ClusterRecord) =>
      sameIdentity(record, identity) && !record.removed.includes(actor.name);
    if (records.length === 0 || records.length < lists.length || !records.every(isOnRecord)) return;
    const base = Math.max(members.length, Math.min(...records.map(({ size }) => size)));
    const count = lacking(told, actor, identity, sinceMs);
    check(count * 2 > base, () => `${actor.label} gives up its membership; ${count} of ${base} do not count it`);
  };
  return {
    sent({ actor, verb }) {
      if (verb === 'reset') judge(actor);
    },
    node(actor, fact) {
      if (fact.kind === 'state' && fact.state.kind === 'failed' && fact.state.cause === 'EVICTED') judge(actor);
    },
  };
}

interface Silence {
  /** Since when nobody was listed with a cluster, and since when nothing at all spoke against a first one. */
  readonly nobodyMs: number | undefined;
  readonly settledMs: number | undefined;
  readonly heardMs: number;
  /** The record in the last list said that nobody is there. */
  readonly isIdle: boolean;
}

/** A cluster is created after a silence that was listened to, and while nobody is listed with one. */
export function watchSilence(court: Court): Watcher {
  const { check, stage } = court;
  const log = toldIn(court);
  const silences = new Map<Actor, Silence>();
  const hear = (actor: Actor, list: MemberList, sentMs: number, atMs: number) => {
    const { nobodyMs = atMs, settledMs = atMs } = silences.get(actor) ?? {};
    const others = showsOthers(list, actor);
    const isReady = list.members.some(({ node, state }) => node !== actor.name && state === 'ready');
    const isFirst = !others && !isReady && list.record.kind === 'absent';
    const silence = { nobodyMs: others ? undefined : nobodyMs, settledMs: isFirst ? settledMs : undefined };
    silences.set(actor, {
      ...silence,
      heardMs: sentMs,
      isIdle: list.record.kind === 'present' && list.record.record.idle,
    });
  };
  return {
    answered({ actor, verb, end }) {
      const last = log.of(actor).lists.at(-1);
      if (verb !== 'list' || last === undefined || last.value !== end?.value || !last.value.complete) return;
      hear(actor, last.value, last.sentMs, last.atMs);
    },
    sent({ actor, verb, request }) {
      if (verb !== 'create') return;
      const { generation } = (request as { readonly identity: ClusterIdentity }).identity;
      const silence = silences.get(actor);
      const isIdle = generation > 1 && silence?.isIdle === true;
      const sinceMs = generation > 1 ? silence?.nobodyMs : silence?.settledMs;
      const neededMs =
        generation > 1 && !isIdle ? Math.max(stage.traits.settleMs, decidesMs(court)) : stage.traits.settleMs;
      const heardMs = sinceMs === undefined || !silence ? -1 : Math.max(0, silence.heardMs - sinceMs);
      const isSilent = heardMs >= (isIdle ? 0 : neededMs - TOLERANCE_MS);
      check(isSilent, () => `${actor.label} creates after ${heardMs} of ${neededMs} ms of silence`);
    },
  };
}

/** Whoever was told that another one has its name is not formed before it was told that it has it. */
export function watchNames(court: Court): Watcher {
  const log = toldIn(court);
  return {
    node(actor, fact) {
      if (fact.kind !== 'state' || fact.state.kind !== 'formed' || fact.before.kind === 'formed') return;
      const { registered } = log.of(actor);
      court.check(registered !== 'conflict', () => `${actor.label} is formed, and was told that another has its name`);
    },
  };
}
