import { describe, expect, it } from 'vitest';
import { step } from '../../src/formation/step/index.js';
import type { Machine } from '../../src/formation/machine.js';
import { BLANK, CLUSTER, CONFIG, observation, present } from './kit.js';
import { eventFor, machineIn, NOW_MS, PHASES, TICKET } from './step-kit.js';

describe('the formation machine that waits for the lock', () => {
  const reply = { ticket: TICKET, nowMs: NOW_MS };
  const released = () => Promise.resolve();
  const busy = { kind: 'busy', holder: 'n2', released } as const;
  const join = { ...PHASES.joining.intent, locked: true };
  const create = PHASES.locking.intent;
  const woken = (intent: typeof join | typeof create, askedAtMs: number, how: { readonly released: boolean }) => {
    const locking = { ...machineIn('locking'), phase: { kind: 'locking', intent, decidedAtMs: 0 } as const };
    const minted = PHASES.confirming.minted;
    const answer = { ...reply, nowMs: askedAtMs, kind: 'locked', outcome: busy, minted } as const;
    const { machine } = step(CONFIG, locking, answer);
    expect(machine.phase.kind).toBe('waiting');
    return step(CONFIG, machine, { ticket: machine.ticket, nowMs: askedAtMs, kind: 'woke', news: true, ...how });
  };

  it('asks to join at once when it is released: under it everything is looked at anyway', () => {
    const { machine, effects } = woken(join, 10, { released: true });
    expect(effects).toMatchObject([{ kind: 'lock' }]);
    expect(machine.phase).toMatchObject({ kind: 'locking', intent: join, decidedAtMs: 0 });
  });

  it.each([
    ['the time is up', join, 10, false],
    ['what was decided is old', join, CONFIG.refreshMs, true],
    ['it wanted to create', create, 10, true],
  ] as const)('looks first when %s', (_, intent, askedAtMs, isReleased) => {
    const { effects } = woken(intent, askedAtMs, { released: isReleased });
    expect(effects).toMatchObject([{ kind: 'observe', probe: 'all' }]);
  });
});

describe('the formation machine of a creator', () => {
  it('asks no peer what only the record and its own daemon can say', () => {
    const { effects } = step(CONFIG, machineIn('publishing'), eventFor('announced', 'publishing'));
    expect(effects).toMatchObject([{ kind: 'observe', probe: 'none' }]);
  });
});

describe('the formation machine of a member whose daemon is down', () => {
  it('C15: is listed as it was, and not as ready', () => {
    const identity = { clusterId: CLUSTER.clusterId, generation: CLUSTER.generation };
    const announced = { state: 'ready', identity, recordVersion: 7 } as const;
    const home = { own: 'unknown', ownStatus: 'down', record: present(), announced } as const;
    const formed = { ...machineIn('discovering'), standing: { identity, role: 'member' as const } };
    const seen = (machine: Machine, nowMs: number) =>
      step(CONFIG, machine, {
        ticket: machine.ticket,
        nowMs,
        kind: 'observed',
        observation: observation({ ...home, nowMs }),
      });
    const resting = seen(formed, NOW_MS).machine;
    expect(resting.phase.kind).toBe('formed');
    const looking = { ...resting, phase: PHASES.discovering };
    const { machine, effects } = seen(looking, NOW_MS + CONFIG.ttlMs + 10);
    expect(effects).toMatchObject([{ kind: 'announce', standpoint: { state: 'joining', identity, recordVersion: 7 } }]);
    expect(machine.standing).toBeUndefined();
  });

  it('F3: is not offered with a cluster that its daemon has lost, also while the store does not answer', () => {
    const announced = { state: 'ready', identity: CLUSTER, recordVersion: 7 } as const;
    const formed = { ...machineIn('discovering'), standing: { identity: CLUSTER, role: 'member' as const } };
    const home = { record: present(), announced, nowMs: NOW_MS } as const;
    const { machine, effects } = step(CONFIG, formed, {
      ticket: formed.ticket,
      nowMs: NOW_MS,
      kind: 'observed',
      observation: observation({ ...home, own: BLANK, listFails: true }),
    });
    expect(machine.standing).toBeUndefined();
    const nothing = { state: 'joining', identity: undefined, recordVersion: undefined };
    expect(effects).toMatchObject([{ kind: 'announce', standpoint: nothing }]);
  });
});

describe('the formation machine of a node that is listed as ready and not formed', () => {
  it.each(['unknown', 'known'] as const)('is not offered to others while it waits, its daemon %s', (kind) => {
    const announced = { state: 'ready', identity: CLUSTER } as const;
    const own = kind === 'unknown' ? kind : ({ kind: 'committed', ...CLUSTER } as const);
    const peers = [{ node: 'a', state: 'ready', identity: CLUSTER, status: 'unknown' }] as const;
    const seen = observation({ nowMs: NOW_MS, own, announced, record: present(), peers: [...peers] });
    const reply = { ticket: TICKET, nowMs: NOW_MS, kind: 'observed', observation: seen } as const;
    const { effects } = step(CONFIG, machineIn('discovering'), reply);
    expect(effects).toMatchObject([{ kind: 'announce', standpoint: { state: 'joining', identity: CLUSTER } }]);
  });
});
