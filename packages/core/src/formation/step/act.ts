import { type ClusterIdentity, type Registration, sameIdentity } from '../../backend/index.js';
import type { FormationConfig } from '../config.js';
import { decide } from '../decide/index.js';
import type { Decision } from '../decide/decision.js';
import type { Failure, Reply } from '../event.js';
import type { EntryStep, JoinIntent, Machine, Standpoint } from '../machine.js';
import { remember } from '../memory.js';
import { askedAtMsOf, type Observation, type OwnDaemon } from '../observation.js';
import type { Minted } from '../record.js';
import { committedIdentity, identityOf, isDisowned, situationOf } from '../situation.js';
import { discover } from './discover.js';
import { entrySteps, proceed } from './enter-cluster.js';
import { askForLock, enter, enterWork, reporting, type Step } from './transition.js';
import { daemonFailed, fail, restFormed, waitAfterFailure, waitFor } from './wait.js';

type Stay = Extract<Decision, { kind: 'stay' }>;

/** Decides from one observation, and remembers what it proves. */
export function decideFrom(
  config: FormationConfig,
  machine: Machine,
  observation: Observation,
): { decision: Decision; machine: Machine } {
  const memory = remember(config, machine.memory, observation, situationOf(config, observation));
  const decision = decide({ config, observation, memory, formed: machine.standing !== undefined });
  // A list that comes is no success of what is asked for because of it.
  const rests = decision.kind === 'wait' || decision.kind === 'stay';
  const failures = rests && observation.listing.kind === 'listed' ? 0 : machine.failures;
  return { decision, machine: { ...machine, memory, failures } };
}

const NOT_SHOWN: Failure = {
  code: 'DRIVER_FAILED',
  text: 'the daemon does not show what it has just been asked to do',
};

export function discovered(
  config: FormationConfig,
  before: Machine,
  reply: Extract<Reply, { kind: 'observed' }>,
): Step {
  const { observation, nowMs } = reply;
  const { decision, machine } = decideFrom(config, before, observation);
  if (decision.kind === 'wait' && claimsTooMuch(machine, observation)) return retract(config, machine, observation);
  // To have it done again at once would be to have it done for ever.
  if (before.phase.kind === 'discovering' && before.phase.done === decision.kind) {
    return waitAfterFailure(config, machine, daemonFailed(NOT_SHOWN), nowMs);
  }
  return act(config, machine, decision, observation, nowMs);
}

/**
 * Registered as ready, by a request whose answer was lost, and not formed; or with a cluster that the daemon has not been told
 * to be in: the others would wait for what it cannot give.
 */
function claimsTooMuch({ standing }: Machine, observation: Observation): boolean {
  const { own, listing, announced } = observation;
  if (standing) return false;
  if (isDisowned(observation)) return true;
  if (listing.kind !== 'listed') return false;
  if (announced?.state === 'ready') return true;
  if (own.kind !== 'known' || announced?.identity === undefined) return false;
  return !sameIdentity(announced.identity, committedIdentity(own.membership.identity));
}

/** Registers as joining, with what the daemon has; where that cannot be read, with what it had. */
function retract(config: FormationConfig, machine: Machine, { own, announced }: Observation): Step {
  const { identity, recordVersion } = announced ?? {};
  const standpoint: Standpoint =
    own.kind === 'known' ? joiningAs(config, own) : { state: 'joining', identity, recordVersion };
  return enter(
    { ...machine, standing: undefined },
    { kind: 'registering', standpoint },
    { kind: 'announce', standpoint },
  );
}

/**
 * A formed node had no news of the store: nothing follows from a glance but rest, or a look at everything. The list counts as
 * if it had been asked for now; whatever it would lead to is decided from a new one.
 */
export function glanced(config: FormationConfig, before: Machine, reply: Extract<Reply, { kind: 'glanced' }>): Step {
  const { observation } = reply;
  const { listing, nowMs } = observation;
  const memory = remember(config, before.memory, observation, undefined);
  const machine = { ...before, memory };
  const current = listing.kind === 'listed' ? { ...listing, askedAtMs: nowMs } : listing;
  const decision = decide({ config, observation: { ...observation, listing: current }, memory, formed: true });
  const rests = decision.kind === 'stay' && (decision.row === '0' || isCalm(decision, machine));
  return rests ? restFormed(config, machine, { calm: true }) : discover(machine, 'all');
}

/** Version of the record of that cluster that the daemon keeps: an older one than the store's after a return. */
function keptVersionOf(own: OwnDaemon, identity: ClusterIdentity): number | undefined {
  const kept = own.kind === 'known' ? own.membership.kept : undefined;
  return kept && sameIdentity(identityOf(kept), identity) ? kept.version : undefined;
}

const keepsOwnRemoval = ({ self }: Pick<FormationConfig, 'self'>, own: OwnDaemon): boolean =>
  own.kind === 'known' && own.membership.kept?.removed.includes(self) === true;

/**
 * How a node registers that is not formed: as joining, with the identity that its daemon has. Of a record that it may not put
 * back it says nothing, or the others would wait for it.
 */
export function joiningAs({ self }: Pick<FormationConfig, 'self'>, own: OwnDaemon): Standpoint {
  const membership = own.kind === 'known' ? own.membership : undefined;
  const identity = membership && committedIdentity(membership.identity);
  const kept = keepsOwnRemoval({ self }, own) ? undefined : membership?.kept;
  return { state: 'joining', identity, recordVersion: identity && kept?.version };
}

function act(
  config: FormationConfig,
  machine: Machine,
  decision: Decision,
  observation: Observation,
  nowMs: number,
): Step {
  switch (decision.kind) {
    case 'wait':
      // Only another try to register tells whether the name is free, and since when it is not.
      return waitFor(config, machine, decision, nowMs, decision.reason === 'name-held' ? { resume: 'inspect' } : {});
    case 'stay':
      return stay(config, machine, decision);
    case 'look-closer':
      return discover(machine, 'all');
    case 'keep': {
      const role = machine.standing?.role ?? 'member';
      const kept = { record: decision.record, keptVersion: undefined, provedAtMs: askedAtMsOf(observation) };
      return proceed(config, machine, { role, ...kept, steps: ['name', 'ready'] }, nowMs);
    }
    case 'demote':
      return retract(config, machine, observation);
    case 'create':
    case 'write':
      return askForLock(machine, { intent: decision, decidedAtMs: nowMs });
    case 'join':
      if (decision.locked) return askForLock(machine, { intent: decision, decidedAtMs: nowMs });
      return join(machine, decision, undefined, observation.own);
    case 'name':
      return enterWork(
        machine,
        { kind: 'naming', record: decision.record, entry: undefined },
        { verb: 'committed', record: decision.record },
      );
    case 'member': {
      const { record } = decision;
      const role = sameIdentity(machine.made, identityOf(record)) ? 'creator' : 'member';
      const keptVersion = keptVersionOf(observation.own, identityOf(record));
      // A copy that calls this node removed would hide the next removal: whoever is formed keeps one that knows of its return.
      const first: readonly EntryStep[] = keepsOwnRemoval(config, observation.own) ? ['name'] : [];
      const entry = { role, record, keptVersion, steps: [...first, ...entrySteps(config, 'member')] } as const;
      return proceed(config, machine, { ...entry, provedAtMs: askedAtMsOf(observation) }, nowMs);
    }
    case 'rejoin': {
      const standpoint = { state: 'joining', identity: undefined, recordVersion: undefined } as const;
      if (observation.own.kind !== 'known') return discover(machine);
      const phase = { kind: 'evicting', of: observation.own.membership.identity } as const;
      return enter({ ...machine, standing: undefined }, phase, { kind: 'announce', standpoint });
    }
    case 'fail':
      return fail(config, machine, { code: decision.cause, text: decision.text });
  }
}

/** Whether nothing is to be done, or waited for: row 5 without a notice, and a record that another member need not put right. */
const isCalm = ({ row, notice }: Stay, { memory: { clocks } }: Machine): boolean =>
  row === '5' && notice === undefined && clocks.undersized === undefined && clocks.idle === undefined;

/** Formed as before; what the store says against it is told once, not acted upon. */
function stay(config: FormationConfig, machine: Machine, decision: Stay): Step {
  const { notice } = decision;
  const step = restFormed(config, { ...machine, notice }, { calm: isCalm(decision, machine) });
  return notice && notice !== machine.notice ? reporting(step, notice) : step;
}

/** Joins the target, after a reset where something of the daemon must go first. */
export function join(machine: Machine, intent: JoinIntent, minted: Minted | undefined, own: OwnDaemon): Step {
  if (!intent.reset) return joinAsIs(machine, intent, minted);
  if (own.kind !== 'known') return discover(machine);
  const after = { next: 'join', intent: { ...intent, reset: false } } as const;
  return enterWork(machine, { kind: 'resetting', after }, { verb: 'reset', of: own.membership.identity });
}

export function joinAsIs(machine: Machine, intent: JoinIntent, minted: Minted | undefined): Step {
  const { record, target } = intent;
  if (!record) return discover(machine);
  const work = { verb: 'join', seed: target satisfies Registration, record, token: machine.grant?.token } as const;
  return enterWork(machine, { kind: 'joining', intent, minted }, work);
}
