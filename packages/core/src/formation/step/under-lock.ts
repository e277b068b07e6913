import { type ClusterRecord, sameIdentity, type StoredRecord } from '../../backend/index.js';
import { type FormationConfig, LONGEST_RETRY_MS } from '../config.js';
import type { Decision, Wait } from '../decide/decision.js';
import { isUnsure } from '../decide/index.js';
import type { Failure, Reply } from '../event.js';
import type { After, Creation, Entry, Intent, Machine, Phase } from '../machine.js';
import { heldBy, remember } from '../memory.js';
import type { Observation } from '../observation.js';
import { changedRecord, firstRecord } from '../record.js';
import { refusedBy } from '../refusals.js';
import { claimedIdentity, identityOf, type Situation, situationOf } from '../situation.js';
import { decideFrom, join } from './act.js';
import { discover, look } from './discover.js';
import { entrySteps, proceed } from './enter-cluster.js';
import { enter, enterWork, reporting, type Step } from './transition.js';
import { daemonFailed, retryAfterMs, waitFor } from './wait.js';

type PhaseOf<K extends Phase['kind']> = Extract<Phase, { kind: K }>;
type ReplyOf<K extends Reply['kind']> = Extract<Reply, { kind: K }>;

export function locked(
  config: FormationConfig,
  machine: Machine,
  { intent, decidedAtMs }: PhaseOf<'locking'>,
  reply: ReplyOf<'locked'>,
): Step {
  const { outcome, minted, nowMs } = reply;
  if (outcome.kind === 'held') {
    const after = { ...machine, grant: outcome.grant };
    const step = enter(after, { kind: 'confirming', intent, minted }, look(after, 'all'));
    return reporting(step, 'lock.acquired', { token: outcome.grant.token.toString() });
  }
  if (outcome.kind === 'lost') return discover(machine);
  const after = { ...machine, memory: heldBy(machine.memory, outcome.holder, nowMs) };
  const holder = outcome.holder === undefined ? 'its holder' : outcome.holder;
  // Who waits to create has to go on listening, or its silence would have a gap.
  const listensMs = intent.kind === 'create' ? Math.min(config.refreshMs, LONGEST_RETRY_MS) : config.refreshMs;
  const retryMs = Math.max(outcome.retryAfterMs ?? 0, outcome.released ? listensMs : Math.min(listensMs, 500));
  const wait: Wait = { reason: 'lock-busy', endsWhen: `${holder} releases the formation lock`, retryMs };
  // Under the lock everybody looks anyway: among many who wait to join, a look of each at each release would be for nothing.
  const isFresh = intent.kind === 'join' && nowMs - decidedAtMs < config.refreshMs;
  const again = isFresh ? { intent, decidedAtMs } : undefined;
  return waitFor(config, after, wait, nowMs, { released: outcome.released, again });
}

/**
 * While the lock is held nobody else writes the record, so the one that came with the grant is the newest. A list that may be
 * late shows an older one, and whoever believed it would write over a cluster.
 */
function underGrant(config: FormationConfig, { grant }: Machine, observation: Observation): Observation {
  const { listing } = observation;
  const isLate = config.listConsistency === 'eventual' && listing.kind === 'listed';
  if (!isLate || grant?.record === undefined) return observation;
  return { ...observation, listing: { ...listing, list: { ...listing.list, record: grant.record } } };
}

function sameIntent(intent: Intent, decision: Decision): decision is Intent {
  if (decision.kind === 'write') return intent.kind === 'write' && intent.change === decision.change;
  return decision.kind === intent.kind;
}

const sameVersion = (a: StoredRecord, b: StoredRecord): boolean =>
  a.kind === 'present' && b.kind === 'present'
    ? sameIdentity(identityOf(a.record), identityOf(b.record)) && a.record.version === b.record.version
    : a.kind === b.kind;

const CONTRADICTED: Wait = {
  reason: 'list-stale',
  endsWhen: 'the list shows the record with which the formation lock was granted',
};

/** Decides again, under the lock and from a list that began after the grant. */
export function confirmed(
  config: FormationConfig,
  before: Machine,
  phase: PhaseOf<'confirming'>,
  reply: ReplyOf<'observed'>,
): Step {
  const { nowMs } = reply;
  const observation = underGrant(config, before, reply.observation);
  const { decision, machine } = decideFrom(config, before, observation);
  const situation = situationOf(config, observation);
  if (!machine.grant || !situation) return release(config, machine, { next: 'discover' }, nowMs);
  // Nobody writes the record while we hold the lock: a list that shows another one than the grant is old, or of elsewhere.
  const { record: granted } = machine.grant;
  if (granted && !sameVersion(granted, situation.list.record)) {
    return release(config, machine, { next: 'wait', wait: CONTRADICTED }, nowMs);
  }
  if (!sameIntent(phase.intent, decision)) return release(config, machine, { next: 'discover' }, nowMs);
  const { minted } = phase;
  switch (decision.kind) {
    case 'create': {
      const identity = { clusterId: minted.clusterId, generation: decision.generation };
      const creation: Creation = { identity, minted, replaces: situation.record };
      if (!decision.reset) return create(machine, creation);
      const after = { next: 'create', create: creation } as const;
      return enterWork(machine, { kind: 'resetting', after }, { verb: 'reset', of: situation.own });
    }
    case 'join':
      return join(
        machine,
        decision.record ? decision : adoptedBy(config, machine, decision, phase, situation),
        minted,
        observation.own,
      );
    case 'write': {
      const record = changedRecord(decision.change, situation, {
        self: config.self,
        token: machine.grant.token,
        minted,
      });
      if (!record) return release(config, machine, { next: 'discover' }, nowMs);
      return commit(machine, record, decision.change, decision.change === 'adopt' ? adopter(record, nowMs) : undefined);
    }
  }
}

/** The way of a node that puts an existing cluster on record. */
const adopter = (record: ClusterRecord, nowMs: number): Entry => ({
  role: 'creator',
  record,
  keptVersion: undefined,
  steps: ['name', 'publish', 'ready'],
  provedAtMs: nowMs,
});

/** Joining a cluster without a record makes one for it. */
function adoptedBy(
  config: FormationConfig,
  machine: Machine,
  intent: Extract<Intent, { kind: 'join' }>,
  { minted }: PhaseOf<'confirming'>,
  { peers }: Situation,
): Extract<Intent, { kind: 'join' }> {
  const target = peers.find((peer) => peer.entry.node === intent.target.node);
  const size = (target?.view?.members.length ?? 1) + 1;
  const author = { self: config.self, token: machine.grant?.token ?? 0n, minted };
  return { ...intent, record: firstRecord(author, 1, size, undefined) };
}

export function create(machine: Machine, creation: Creation): Step {
  const work = { verb: 'create', identity: creation.identity, token: machine.grant?.token } as const;
  return enterWork(machine, { kind: 'creating', creation }, work);
}

/** Between the create and the commit everybody else may have told the store something: one more list decides. */
export function created(machine: Machine, { creation }: PhaseOf<'creating'>): Step {
  if (!machine.grant) return discover(machine);
  return enter(machine, { kind: 'rechecking', creation }, look(machine, 'none'));
}

const sameRecord = (a: ClusterRecord | undefined, b: ClusterRecord | undefined): boolean =>
  a === undefined || b === undefined ? a === b : sameIdentity(identityOf(a), identityOf(b)) && a.version === b.version;

const NOT_CREATED: Failure = { code: 'DRIVER_FAILED', text: 'the daemon does not have the cluster that it created' };

export function rechecked(
  config: FormationConfig,
  before: Machine,
  { creation }: PhaseOf<'rechecking'>,
  reply: ReplyOf<'observed'>,
): Step {
  const { nowMs } = reply;
  const observation = underGrant(config, before, reply.observation);
  const situation = situationOf(config, observation);
  const machine = { ...before, memory: remember(config, before.memory, observation, situation) };
  const { grant } = machine;
  if (!grant || !situation || isUnsure({ config, observation, memory: machine.memory, formed: false })) {
    return release(config, machine, { next: 'discover' }, nowMs);
  }
  const clear = sameRecord(situation.record, creation.replaces) && !situation.peers.some((peer) => peer.identity);
  // A daemon that was wiped meanwhile, or never did what it said, would leave a cluster on record that nobody is in.
  const isThere = sameIdentity(claimedIdentity(situation.own), creation.identity);
  if (!clear) return release(config, machine, { next: 'discover' }, nowMs);
  if (!isThere) return inVain(config, machine, daemonFailed(NOT_CREATED), nowMs);
  const author = { self: config.self, token: grant.token, minted: creation.minted };
  const record = firstRecord(author, creation.identity.generation, situation.ownMembers.length, creation.replaces);
  return commit(machine, record, 'create', {
    role: 'creator',
    record,
    keptVersion: undefined,
    steps: entrySteps(config, 'creator'),
    provedAtMs: nowMs,
  });
}

function commit(
  machine: Machine,
  record: ClusterRecord,
  change: PhaseOf<'committing'>['change'],
  entry: PhaseOf<'committing'>['entry'],
): Step {
  // Also when no answer comes: then the record tells later whose cluster it is.
  const made = entry ? identityOf(record) : machine.made;
  return enter({ ...machine, made }, { kind: 'committing', record, change, entry }, { kind: 'unlock', record });
}

export function committed(
  config: FormationConfig,
  machine: Machine,
  phase: PhaseOf<'committing'>,
  reply: ReplyOf<'unlocked'>,
): Step {
  const after = { ...machine, grant: undefined };
  const { record, change, entry } = phase;
  const told = { clusterId: record.clusterId, generation: record.generation, version: record.version, change };
  // Somebody else has the lock by now, and what they wrote decides.
  if (reply.outcome.kind === 'lost') {
    const lost = change === 'create' ? { ...told, code: 'SEED_SUPERSEDED' } : told;
    return reporting(discover(after), 'record.superseded', lost);
  }
  const step = entry ? proceed(config, after, entry, reply.nowMs) : afterChange(config, after, change, reply.nowMs);
  const released = reporting(step, 'lock.released', { token: record.token.toString() });
  return reporting(released, change === 'restore' ? 'record.restored' : 'record.committed', told);
}

/** A list that does not show what was just put back would have it put back again at once, and for ever. */
function afterChange(
  config: FormationConfig,
  machine: Machine,
  change: PhaseOf<'committing'>['change'],
  nowMs: number,
): Step {
  if (change !== 'restore') return discover(machine, 'all');
  return waitFor(config, machine, { reason: 'restore-pending', endsWhen: 'the store shows the record' }, nowMs);
}

export function joined(
  config: FormationConfig,
  machine: Machine,
  { intent, minted }: PhaseOf<'joining'>,
  nowMs: number,
): Step {
  const { record } = intent;
  if (!record) return release(config, machine, { next: 'discover' }, nowMs);
  const adopted = minted !== undefined && record.clusterId === minted.clusterId;
  if (adopted) {
    return machine.grant ? commit(machine, record, 'adopt', adopter(record, nowMs)) : discover(machine);
  }
  const steps = entrySteps(config, 'joiner');
  const entry = {
    role: 'joiner',
    record,
    keptVersion: undefined,
    steps,
    provedAtMs: nowMs,
    through: intent.target,
  } as const;
  return machine.grant
    ? release(config, machine, { next: 'enter', entry }, nowMs)
    : proceed(config, machine, entry, nowMs);
}

/** Lets the lock go, and goes on whatever becomes of that: what is not released lapses. */
export function release(config: FormationConfig, machine: Machine, after: After, nowMs: number): Step {
  if (!machine.grant) return goOn(config, machine, after, nowMs);
  return enter(machine, { kind: 'releasing', after }, { kind: 'unlock', record: undefined });
}

export function released(config: FormationConfig, before: Machine, phase: PhaseOf<'releasing'>, nowMs: number): Step {
  const { grant } = before;
  const step = goOn(config, { ...before, grant: undefined }, phase.after, nowMs);
  return grant ? reporting(step, 'lock.released', { token: grant.token.toString() }) : step;
}

function goOn(config: FormationConfig, machine: Machine, after: After, nowMs: number): Step {
  switch (after.next) {
    case 'discover':
      return discover(machine);
    case 'wait':
      return waitFor(config, machine, after.wait, nowMs);
    case 'enter':
      return proceed(config, machine, after.entry, nowMs);
  }
}

/** The join through this member failed: the others have their turn before it is asked again. */
export function joinFailed(
  config: FormationConfig,
  machine: Machine,
  { intent }: PhaseOf<'joining'>,
  failure: Failure,
  nowMs: number,
): Step {
  // A join that was aborted because its lock ended says nothing about the member.
  const refused = !intent.locked || machine.grant !== undefined;
  const refusals = refused ? refusedBy(machine.memory.refusals, intent.target) : machine.memory.refusals;
  return inVain(config, { ...machine, memory: { ...machine.memory, refusals } }, daemonFailed(failure), nowMs);
}

/** The daemon or the store refused or failed. What was done so far counts as nothing; the lock goes to the others meanwhile. */
export function inVain(config: FormationConfig, machine: Machine, why: Wait, nowMs: number): Step {
  const wait = { ...why, retryMs: retryAfterMs(machine.failures) };
  return release(config, { ...machine, failures: machine.failures + 1 }, { next: 'wait', wait }, nowMs);
}
