import type { FormationConfig } from '../config.js';
import type { MachineEvent, Reply } from '../event.js';
import type { Machine, Phase } from '../machine.js';
import { freshMemory } from '../memory.js';
import { discovered, glanced, joinAsIs, joiningAs } from './act.js';
import { discover } from './discover.js';
import { announced, named, nameHeld, verified, verify } from './enter-cluster.js';
import { askForLock, enter, enterWork, reporting, rest, type Step, unchanged } from './transition.js';
import {
  committed,
  confirmed,
  create,
  created,
  inVain,
  joined,
  joinFailed,
  locked,
  rechecked,
  release,
  released,
} from './under-lock.js';
import { daemonFailed, fail, ownDaemonUnknown, storeFailed, storeUnreachable } from './wait.js';

export type { Step } from './transition.js';

export function initialMachine(): Machine {
  return {
    phase: { kind: 'idle' },
    ticket: 0,
    memory: freshMemory(0),
    standing: undefined,
    hasFormed: false,
    made: undefined,
    calm: false,
    grant: undefined,
    failures: 0,
    firstConflictAtMs: undefined,
    notice: undefined,
  };
}

const ENDED: ReadonlySet<Phase['kind']> = new Set(['standalone', 'failed', 'stopping', 'stopped']);

/**
 * The whole machine: pure, synchronous, and total. An event that means nothing in a phase changes nothing; a reply counts
 * only when it answers the effect that is awaited.
 */
export function step(config: FormationConfig, machine: Machine, event: MachineEvent): Step {
  const { phase } = machine;
  switch (event.kind) {
    case 'start':
      if (phase.kind !== 'idle') return unchanged(machine);
      return inspect({ ...machine, memory: freshMemory(event.nowMs) });
    case 'stop':
      if (phase.kind === 'stopping' || phase.kind === 'stopped') return unchanged(machine);
      return rest({ ...machine, standing: undefined }, { kind: 'stopping' }, [{ kind: 'halt' }]);
    case 'halted':
      return phase.kind === 'stopping' ? rest(machine, { kind: 'stopped' }) : unchanged(machine);
    case 'grant-lost':
      // What runs under the lock is aborted by the lock itself; its reply then finds that there is no grant.
      if (!machine.grant) return unchanged(machine);
      return reporting({ machine: { ...machine, grant: undefined }, effects: [] }, 'lock.lost');
    default:
      if (event.ticket !== machine.ticket || ENDED.has(phase.kind)) return unchanged(machine);
      return event.kind === 'failed' ? failed(config, machine, event) : replied(config, machine, event);
  }
}

function inspect(machine: Machine): Step {
  const lasting = machine.phase.kind === 'waiting' ? { lasting: machine.phase } : {};
  return enter(machine, { kind: 'inspecting', ...lasting }, { kind: 'inspect' });
}

function replied(config: FormationConfig, machine: Machine, reply: Exclude<Reply, { kind: 'failed' }>): Step {
  const { phase } = machine;
  switch (reply.kind) {
    case 'inspected':
      return phase.kind === 'inspecting' ? inspected(config, machine, reply) : unchanged(machine);
    case 'announced':
      return announcedIn(config, machine, reply);
    case 'observed':
      return observedIn(config, machine, reply);
    case 'locked':
      return phase.kind === 'locking' ? locked(config, machine, phase, reply) : unchanged(machine);
    case 'unlocked':
      if (phase.kind === 'committing') return committed(config, machine, phase, reply);
      return phase.kind === 'releasing' ? released(config, machine, phase, reply.nowMs) : unchanged(machine);
    case 'worked':
      return workedIn(config, machine, reply.nowMs);
    case 'glanced':
      return phase.kind === 'formed' ? glanced(config, machine, reply) : unchanged(machine);
    case 'woke':
      return wokeIn(machine, reply);
  }
}

function inspected(
  config: FormationConfig,
  machine: Machine,
  { own, nowMs }: Extract<Reply, { kind: 'inspected' }>,
): Step {
  if (own.kind === 'unknown') {
    return ownDaemonUnknown(config, machine, { code: own.cause, text: own.text }, nowMs);
  }
  const standpoint = joiningAs(config, own);
  const lasting = machine.phase.kind === 'inspecting' ? machine.phase.lasting : undefined;
  const phase = { kind: 'registering', standpoint, ...(lasting && { lasting }) } as const;
  return enter(machine, phase, { kind: 'announce', standpoint });
}

function announcedIn(config: FormationConfig, machine: Machine, reply: Extract<Reply, { kind: 'announced' }>): Step {
  const { phase } = machine;
  if (phase.kind === 'publishing' || phase.kind === 'readying') return announced(config, machine, phase.entry, reply);
  if (phase.kind !== 'registering' && phase.kind !== 'evicting') return unchanged(machine);
  if (reply.outcome.kind === 'conflict') return nameHeld(config, machine, reply.sentAtMs, reply.nowMs);
  const registered = { ...machine, firstConflictAtMs: undefined };
  if (phase.kind === 'registering') return discover({ ...registered, failures: 0 });
  return enterWork(registered, { kind: 'resetting', after: { next: 'discover' } }, { verb: 'reset', of: phase.of });
}

function observedIn(config: FormationConfig, machine: Machine, reply: Extract<Reply, { kind: 'observed' }>): Step {
  const { phase } = machine;
  switch (phase.kind) {
    case 'discovering':
      return discovered(config, machine, reply);
    case 'confirming':
      return confirmed(config, machine, phase, reply);
    case 'rechecking':
      return rechecked(config, machine, phase, reply);
    case 'verifying':
      return verified(config, machine, phase, reply);
    default:
      return unchanged(machine);
  }
}

function workedIn(config: FormationConfig, machine: Machine, nowMs: number): Step {
  const { phase } = machine;
  switch (phase.kind) {
    case 'creating':
      return created(machine, phase);
    case 'joining':
      return joined(config, machine, phase, nowMs);
    case 'naming':
      return named(config, machine, phase, nowMs);
    case 'resetting':
      if (phase.after.next === 'discover') return discover(machine, 'all', 'rejoin');
      if (phase.after.next === 'join') {
        // A join that needs the lock does not begin when the lock ended during the reset.
        const { intent } = phase.after;
        return intent.locked && !machine.grant ? discover(machine) : joinAsIs(machine, intent, undefined);
      }
      return machine.grant ? create(machine, phase.after.create) : discover(machine);
    default:
      return unchanged(machine);
  }
}

function wokeIn(machine: Machine, { news, released }: Extract<Reply, { kind: 'woke' }>): Step {
  const { phase } = machine;
  switch (phase.kind) {
    case 'formed':
      return news || !machine.calm ? discover(machine) : enter(machine, { kind: 'formed' }, { kind: 'glance' });
    case 'waiting':
      if (released && phase.again) return askForLock(machine, phase.again);
      return phase.resume === 'inspect' ? inspect(machine) : discover(machine);
    case 'verifying':
      return verify(machine, phase);
    default:
      return unchanged(machine);
  }
}

function failed(
  config: FormationConfig,
  machine: Machine,
  { failure, nowMs }: Extract<Reply, { kind: 'failed' }>,
): Step {
  const { phase } = machine;
  if (failure.code === 'WORK_STUCK') return fail(config, { ...machine, grant: undefined }, failure);
  switch (phase.kind) {
    case 'registering':
    case 'evicting':
      return storeFailed(config, machine, failure, nowMs, 'inspect');
    case 'discovering':
    case 'locking':
    case 'publishing':
    case 'verifying':
    case 'readying':
    case 'formed':
      return storeFailed(config, machine, failure, nowMs, 'discover');
    case 'confirming':
    case 'rechecking':
      return release(config, machine, { next: 'discover' }, nowMs);
    case 'committing':
      // A commit whose outcome is unknown is neither repeated as another cluster nor undone: the record will tell.
      return inVain(config, machine, storeUnreachable(failure), nowMs);
    case 'releasing':
      // Not released for certain: it lapses.
      return released(config, { ...machine, grant: undefined }, phase, nowMs);
    case 'joining':
      return joinFailed(config, machine, phase, failure, nowMs);
    case 'creating':
    case 'resetting':
    case 'naming':
      return machine.standing
        ? storeFailed(config, machine, failure, nowMs, 'discover')
        : inVain(config, machine, daemonFailed(failure), nowMs);
    case 'inspecting':
      return ownDaemonUnknown(config, machine, failure, nowMs);
    default:
      return unchanged(machine);
  }
}
