import type { LockGrant, Registration } from '@autocluster/core/backend';
import type { Failure, MachineEvent, MachineEventKind } from '../../src/formation/event.js';
import type { Entry, JoinIntent, Machine, Phase, PhaseKind } from '../../src/formation/machine.js';
import type { Observation } from '../../src/formation/observation.js';
import { initialMachine, step } from '../../src/formation/step/index.js';
import { CLUSTER, CONFIG, member, observation, present, record } from './kit.js';

const minted = { clusterId: 'new', createdAt: '2026-01-01T00:00:00.000Z' };
export const GRANT: LockGrant = {
  name: 'formation',
  attempt: 'attempt-1',
  token: 9n,
  ttlMs: 30_000,
  ref: 'lock',
  record: { kind: 'absent' },
};
const target: Registration = {
  node: 'a',
  instance: 'a#1',
  state: 'ready',
  identity: CLUSTER,
  recordVersion: 3,
  metadata: {},
  order: 1n,
  ref: 'a',
  ttlMs: undefined,
};
const join: JoinIntent = { kind: 'join', row: '20', target, record: record(), locked: false, reset: false };
const create = { kind: 'create', row: '25', generation: 1, reset: false } as const;
const entry: Entry = {
  role: 'creator',
  record: record(),
  keptVersion: record().version,
  steps: ['ready'],
  provedAtMs: 0,
};
const creation = { identity: { clusterId: 'new', generation: 1 }, minted, replaces: undefined };
const standpoint = { state: 'joining', identity: undefined, recordVersion: undefined } as const;
const wait = { reason: 'peers-not-ready', endsWhen: 'a member is ready' } as const;
const ended = { cause: 'FORMATION_TIMEOUT', text: 'no cluster', lastWait: undefined } as const;

/** One machine in each phase. */
export const PHASES: { readonly [K in PhaseKind]: Phase & { readonly kind: K } } = {
  idle: { kind: 'idle' },
  inspecting: { kind: 'inspecting' },
  registering: { kind: 'registering', standpoint },
  discovering: { kind: 'discovering' },
  waiting: { kind: 'waiting', wait, sinceMs: 10, resume: 'discover' },
  locking: { kind: 'locking', intent: create, decidedAtMs: 0 },
  confirming: { kind: 'confirming', intent: create, minted },
  resetting: { kind: 'resetting', after: { next: 'create', create: creation } },
  creating: { kind: 'creating', creation },
  rechecking: { kind: 'rechecking', creation },
  committing: { kind: 'committing', record: record(), change: 'create', entry: { ...entry, steps: ['publish'] } },
  joining: { kind: 'joining', intent: join, minted: undefined },
  releasing: { kind: 'releasing', after: { next: 'discover' } },
  publishing: { kind: 'publishing', entry: { ...entry, steps: ['verify'] } },
  verifying: { kind: 'verifying', entry: { ...entry, steps: ['name'] }, sinceMs: 10, looks: 0 },
  naming: { kind: 'naming', record: record(), entry },
  readying: { kind: 'readying', entry: { ...entry, steps: [] } },
  evicting: { kind: 'evicting', of: { kind: 'committed', clusterId: 'c', generation: 1 } },
  formed: { kind: 'formed' },
  standalone: { kind: 'standalone', ...ended },
  failed: { kind: 'failed', ...ended },
  stopping: { kind: 'stopping' },
  stopped: { kind: 'stopped' },
};

const UNDER_LOCK: ReadonlySet<PhaseKind> = new Set([
  'confirming',
  'resetting',
  'creating',
  'rechecking',
  'committing',
  'releasing',
]);
export const TICKET = 7;
export const NOW_MS = 1_000;

export function machineIn(kind: PhaseKind): Machine {
  const standing = kind === 'formed' ? { identity: CLUSTER, role: 'member' as const } : undefined;
  const grant = UNDER_LOCK.has(kind) ? GRANT : undefined;
  return { ...initialMachine(), phase: PHASES[kind], ticket: TICKET, standing, grant };
}

const failure: Failure = { code: 'STORE_UNREACHABLE', text: 'no answer' };
const reply = { ticket: TICKET, nowMs: NOW_MS };
const registration = { ...target, node: 'me', instance: 'me#1' };
/** A look at a store without a cluster, and at one that this node is provisionally the creator of. */
const nothing = observation({ nowMs: NOW_MS });
const made = observation({ nowMs: NOW_MS, own: { kind: 'provisional', ...creation.identity } });
const mine = observation({
  nowMs: NOW_MS,
  own: { kind: 'provisional', ...CLUSTER },
  record: present(),
  peers: [member('a')],
});

function seenIn(phase: PhaseKind): Observation {
  if (phase === 'verifying') return mine;
  return phase === 'rechecking' ? made : nothing;
}

/** One event of each kind; `observed` differs by what the phase looks for. */
export function eventFor(kind: MachineEventKind, phase: PhaseKind): MachineEvent {
  switch (kind) {
    case 'start':
    case 'stop':
    case 'halted':
    case 'grant-lost':
      return { kind, nowMs: NOW_MS };
    case 'inspected':
      return { ...reply, kind, own: nothing.own };
    case 'announced':
      return { ...reply, kind, outcome: { kind: 'registered', registration, record: present() }, sentAtMs: 900 };
    case 'observed':
      return { ...reply, kind, observation: seenIn(phase) };
    case 'locked':
      return { ...reply, kind, outcome: { kind: 'held', grant: GRANT }, minted };
    case 'unlocked':
      return { ...reply, kind, outcome: { kind: 'released' } };
    case 'glanced':
      return { ...reply, kind, observation: mine };
    case 'worked':
      return { ...reply, kind };
    case 'woke':
      return { ...reply, kind, news: true, released: false };
    case 'failed':
      return { ...reply, kind, failure };
  }
}

export const EVENT_KINDS: readonly MachineEventKind[] = [
  ...([
    'start',
    'inspected',
    'announced',
    'observed',
    'locked',
    'unlocked',
    'worked',
    'glanced',
    'woke',
    'failed',
  ] as const),
  ...(['grant-lost', 'stop', 'halted'] as const),
];

export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) frozen(each);
  }
  return value;
}

/** `phase × event → phase: effects` in one line; `-` where nothing happens. */
export function transition(phase: PhaseKind, kind: MachineEventKind): string {
  const machine = frozen(machineIn(phase));
  const { machine: after, effects } = step(frozen(CONFIG), machine, frozen(eventFor(kind, phase)));
  if (after === machine && effects.length === 0) return '-';
  const done = effects.map((effect) => {
    if (effect.kind === 'work') return effect.work.verb;
    if (effect.kind === 'report') return `!${effect.name}`;
    if (effect.kind === 'unlock') return effect.record ? 'unlock+record' : 'unlock';
    return effect.kind === 'announce' ? `announce ${effect.standpoint.state}` : effect.kind;
  });
  const waiting = after.phase.kind === 'waiting' ? ` (${after.phase.wait.reason})` : '';
  return `${after.phase.kind}${waiting}${done.length > 0 ? `: ${done.join(', ')}` : ''}`;
}
