import { sameIdentity } from '../../backend/index.js';
import { type FormationConfig, isOld } from '../config.js';
import { NAME_HELD } from '../decide/decision.js';
import type { Reply } from '../event.js';
import type { Entry, EntryStep, Machine, Phase, Role } from '../machine.js';
import { remember } from '../memory.js';
import { NO_REFUSALS, refusedBy } from '../refusals.js';
import { askedAtMsOf, type Observation } from '../observation.js';
import { claimedIdentity, hasMe, identityOf, situationOf } from '../situation.js';
import { discover, look } from './discover.js';
import { enter, enterWork, type Step } from './transition.js';
import { fail, restFormed, retryAfterMs, waitFor } from './wait.js';

type PhaseOf<K extends Phase['kind']> = Extract<Phase, { kind: K }>;
type ReplyOf<K extends Reply['kind']> = Extract<Reply, { kind: K }>;

/**
 * The steps into a cluster. Where an entry's identity is its view, a joiner must be listed with it before anybody can confirm
 * it; where peers have a view of their own, that view comes first.
 */
export function entrySteps(config: FormationConfig, role: Role): readonly EntryStep[] {
  if (role === 'member') return ['publish', 'ready'];
  const confirmedByPeers = role === 'joiner' && config.views === 'peer';
  return confirmedByPeers ? ['verify', 'name', 'publish', 'ready'] : ['publish', 'verify', 'name', 'ready'];
}

/** Whoever made the cluster is proved by the record and its own daemon; whoever joined it by a member. */
export const verify = (machine: Machine, phase: PhaseOf<'verifying'>): Step =>
  enter(machine, phase, look(machine, phase.entry.role === 'creator' ? 'none' : 'all'));

/**
 * Takes the next step into the cluster; after the last one the node is formed. Whoever was held up on the way, e.g. by a pause,
 * may have been replaced meanwhile: it looks again before it says more of itself.
 */
export function proceed(config: FormationConfig, machine: Machine, entry: Entry, nowMs: number): Step {
  const [step, ...steps] = entry.steps;
  const claims = step !== undefined && step !== 'verify' && !machine.standing;
  if (claims && isOld(config, entry.provedAtMs, nowMs)) {
    return waitFor(config, machine, { reason: 'list-stale', endsWhen: 'a list arrives in time', retryMs: 0 }, nowMs);
  }
  const { record, role } = entry;
  const next = { ...entry, steps };
  const standpoint = { identity: identityOf(record), recordVersion: entry.keptVersion };
  switch (step) {
    case 'publish':
      return enter(
        machine,
        { kind: 'publishing', entry: next },
        { kind: 'announce', standpoint: { state: 'joining', ...standpoint } },
      );
    case 'verify': {
      return verify(machine, { kind: 'verifying', entry: next, sinceMs: nowMs, looks: 0 });
    }
    case 'name': {
      const named = { ...next, keptVersion: record.version };
      return enterWork(machine, { kind: 'naming', record, entry: named }, { verb: 'committed', record });
    }
    case 'ready':
      return enter(
        machine,
        { kind: 'readying', entry: next },
        { kind: 'announce', standpoint: { state: 'ready', ...standpoint } },
      );
    default:
      return restFormed(config, {
        ...machine,
        standing: { identity: identityOf(record), role },
        hasFormed: true,
        memory: { ...machine.memory, refusals: NO_REFUSALS },
        failures: 0,
      });
  }
}

/** `changed`: the record names another cluster. `unproved`: nothing confirms the membership yet. */
function verdict(
  config: FormationConfig,
  { role, record }: Entry,
  observation: Observation,
): 'proved' | 'unproved' | 'changed' {
  const s = situationOf(config, observation);
  if (!s || !s.list.complete || s.list.record.kind === 'unreadable') return 'unproved';
  if (isOld(config, askedAtMsOf(observation), observation.nowMs)) return 'unproved';
  if (!s.record || !sameIdentity(identityOf(s.record), identityOf(record))) return 'changed';
  if (config.views === 'registration') {
    const announced = observation.announced?.identity;
    const listed = s.list.members.some(
      ({ node, identity }) => node === config.self && sameIdentity(identity, announced),
    );
    if (!listed) return 'unproved';
  }
  if (role === 'creator') return sameIdentity(claimedIdentity(s.own), identityOf(record)) ? 'proved' : 'changed';
  if (config.views === 'registration') return s.targets.length > 0 ? 'proved' : 'unproved';
  return s.targets.some((target) => hasMe(config, s, target)) ? 'proved' : 'unproved';
}

export function verified(
  config: FormationConfig,
  machine: Machine,
  phase: PhaseOf<'verifying'>,
  reply: ReplyOf<'observed'>,
): Step {
  const { observation, nowMs } = reply;
  const memory = remember(config, machine.memory, observation, situationOf(config, observation));
  const after = { ...machine, memory };
  const outcome = verdict(config, phase.entry, observation);
  if (outcome === 'proved') {
    const entry = { ...phase.entry, provedAtMs: askedAtMsOf(observation) };
    return proceed(config, after, entry, nowMs);
  }
  if (outcome === 'changed') return discover(after);
  if (nowMs - phase.sinceMs > config.latestTakeoverMs) return unconfirmed(config, after, phase.entry, nowMs);
  const wake = { kind: 'wake', afterMs: retryAfterMs(phase.looks), hintsAfterMs: 0 } as const;
  return enter(after, { ...phase, looks: phase.looks + 1 }, wake);
}

/** Nobody counts the joiner among the members: the others have their turn before the same member is asked again. */
function unconfirmed(config: FormationConfig, machine: Machine, { through }: Entry, nowMs: number): Step {
  if (!through) return discover(machine);
  const memory = { ...machine.memory, refusals: refusedBy(machine.memory.refusals, through) };
  const wait = { reason: 'seeds-unusable', endsWhen: 'this node and a member name each other' } as const;
  return waitFor(config, { ...machine, memory }, wait, nowMs);
}

export function named(config: FormationConfig, machine: Machine, phase: PhaseOf<'naming'>, nowMs: number): Step {
  return phase.entry ? proceed(config, machine, phase.entry, nowMs) : discover(machine, 'all', 'name');
}

export function announced(
  config: FormationConfig,
  machine: Machine,
  entry: Entry,
  { outcome, sentAtMs, nowMs }: ReplyOf<'announced'>,
): Step {
  if (outcome.kind === 'registered') return proceed(config, { ...machine, firstConflictAtMs: undefined }, entry, nowMs);
  return nameHeld(config, machine, sentAtMs, nowMs);
}

/**
 * Another live instance has this node's name. After a crash that is our own earlier one, whose entry expires: so it is a
 * failure only when the name is still held after the longest time that takes.
 */
export function nameHeld(config: FormationConfig, machine: Machine, sentAtMs: number, nowMs: number): Step {
  // A formed node does not fail for it, and its registration may be made again without a word to the machine.
  const firstConflictAtMs = machine.standing ? undefined : (machine.firstConflictAtMs ?? nowMs);
  const after = { ...machine, firstConflictAtMs };
  if (firstConflictAtMs !== undefined && sentAtMs > firstConflictAtMs + config.latestTakeoverMs + config.renewalMs) {
    return fail(config, after, { code: 'NAME_HELD', text: `another live instance holds the name ${config.self}` });
  }
  return waitFor(config, after, { ...NAME_HELD, retryMs: Math.min(config.renewalMs, 1_000) }, nowMs, {
    resume: 'inspect',
  });
}
