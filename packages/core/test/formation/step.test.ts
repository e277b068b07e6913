import { describe, expect, it } from 'vitest';
import { propagationMs } from '../../src/formation/config.js';
import type { MachineEvent } from '../../src/formation/event.js';
import type { PhaseKind } from '../../src/formation/machine.js';
import { initialMachine, step } from '../../src/formation/step/index.js';
import {
  BLANK,
  CLUSTER,
  committed,
  CONFIG,
  member,
  observation,
  OTHER,
  present,
  provisional,
  record,
  type Sketch,
} from './kit.js';
import { EVENT_KINDS, eventFor, frozen, GRANT, machineIn, NOW_MS, PHASES, TICKET, transition } from './step-kit.js';

const phases = Object.keys(PHASES) as PhaseKind[];

function table(): string {
  const rows = phases.map((phase) => {
    const cells = EVENT_KINDS.map((event) => [event, transition(phase, event)] as const).filter(([, to]) => to !== '-');
    return [phase, ...cells.map(([event, to]) => `  ${event.padEnd(11)} → ${to}`)].join('\n');
  });
  return `${rows.join('\n\n')}\n`;
}

describe('the formation machine', () => {
  it('answers every event in every phase as the table says; what is not named changes nothing', async () => {
    await expect(table()).toMatchFileSnapshot('./step-table.txt');
  });

  it('changes nothing for a reply to an effect that is not awaited any more', () => {
    for (const phase of phases) {
      for (const kind of EVENT_KINDS) {
        const event = eventFor(kind, phase);
        if (!('ticket' in event)) continue;
        const machine = machineIn(phase);
        const late = { ...event, ticket: TICKET - 1 } as MachineEvent;
        expect(step(CONFIG, machine, late)).toEqual({ machine, effects: [] });
      }
    }
  });

  it('awaits at most one effect, under the ticket that it then waits for', () => {
    for (const phase of phases) {
      for (const kind of EVENT_KINDS) {
        const { machine, effects } = step(frozen(CONFIG), frozen(machineIn(phase)), frozen(eventFor(kind, phase)));
        const tickets = effects.flatMap((effect) => ('ticket' in effect ? [effect.ticket] : []));
        expect(tickets.length).toBeLessThanOrEqual(1);
        for (const ticket of tickets) expect(ticket).toBe(machine.ticket);
      }
    }
  });

  it('starts with the machine that has done nothing', () => {
    const { machine, effects } = step(CONFIG, initialMachine(), { kind: 'start', nowMs: 5 });
    expect([machine.phase.kind, effects.map(({ kind }) => kind)]).toEqual(['inspecting', ['inspect']]);
  });
});

describe('the formation machine under the lock', () => {
  const reply = { ticket: TICKET, nowMs: NOW_MS };

  it('joins nobody when the lock that the join needs ended during the reset before it', () => {
    const { phase } = machineIn('joining');
    if (phase.kind !== 'joining') throw new Error(phase.kind);
    const after = { next: 'join', intent: { ...phase.intent, locked: true } } as const;
    const machine = { ...machineIn('resetting'), phase: { kind: 'resetting', after }, grant: undefined } as const;
    const { effects } = step(CONFIG, machine, { ...reply, kind: 'worked' });
    expect(effects).toMatchObject([{ kind: 'observe' }]);
  });

  it('F1b: commits nothing when somebody is listed with an identity after its create', () => {
    const seen = observation({
      nowMs: NOW_MS,
      own: provisional({ clusterId: 'new', generation: 1 }),
      peers: [{ node: 'a', identity: OTHER }],
    });
    const { machine, effects } = step(CONFIG, machineIn('rechecking'), {
      ...reply,
      kind: 'observed',
      observation: seen,
    });
    expect(machine.phase.kind).toBe('releasing');
    expect(effects).toMatchObject([{ kind: 'unlock', record: undefined }]);
  });

  it('F1b: commits nothing when a record has appeared since it decided', () => {
    const seen = observation({
      nowMs: NOW_MS,
      own: provisional({ clusterId: 'new', generation: 1 }),
      record: present(OTHER),
    });
    const { machine } = step(CONFIG, machineIn('rechecking'), { ...reply, kind: 'observed', observation: seen });
    expect(machine.phase.kind).toBe('releasing');
  });

  it.each([
    ['committing', 0],
    ['releasing', 1],
  ])('F6 F14: is %s when its last list is older than one propagation by %i ms', (phase, olderMs) => {
    const own = provisional({ clusterId: 'new', generation: 1 });
    const seen = observation({ nowMs: NOW_MS, own });
    const { listing } = seen;
    if (listing.kind !== 'listed') throw new Error(listing.kind);
    const askedAtMs = NOW_MS - propagationMs(CONFIG) - olderMs;
    const { machine } = step(CONFIG, machineIn('rechecking'), {
      ...reply,
      kind: 'observed',
      observation: { ...seen, listing: { ...listing, askedAtMs } },
    });
    expect(machine.phase.kind).toBe(phase);
  });

  it('F1b: commits nothing for a daemon that does not have what it was asked to create', () => {
    const seen = observation({ nowMs: NOW_MS });
    const { machine } = step(CONFIG, machineIn('rechecking'), { ...reply, kind: 'observed', observation: seen });
    expect(machine.phase.kind).toBe('releasing');
  });

  it('L6: what was created without the lock is never committed', () => {
    const lost = step(CONFIG, machineIn('creating'), { kind: 'grant-lost', nowMs: NOW_MS }).machine;
    const { machine, effects } = step(CONFIG, lost, { ...reply, kind: 'worked' });
    expect([machine.phase.kind, effects.map(({ kind }) => kind)]).toEqual(['discovering', ['observe']]);
  });

  it('F18: a commit of unknown outcome is neither repeated nor undone', () => {
    const failure = { code: 'TIMEOUT', text: 'no answer' } as const;
    const { machine, effects } = step(CONFIG, machineIn('committing'), { ...reply, kind: 'failed', failure });
    expect(machine.phase).toMatchObject({
      kind: 'releasing',
      after: { next: 'wait', wait: { reason: 'store-unreachable', cause: 'TIMEOUT' } },
    });
    expect(effects).toMatchObject([{ kind: 'unlock', record: undefined }]);
  });

  it('F1: a commit that came too late is another cluster than ours', () => {
    const { machine, effects } = step(CONFIG, machineIn('committing'), {
      ...reply,
      kind: 'unlocked',
      outcome: { kind: 'lost' },
    });
    expect(machine.phase.kind).toBe('discovering');
    expect(effects[0]).toMatchObject({ kind: 'report', name: 'record.superseded', data: { code: 'SEED_SUPERSEDED' } });
  });

  it('F17: work that hangs ends formation, and its lock is left to lapse', () => {
    const failure = { code: 'WORK_STUCK', text: 'hangs' } as const;
    const { machine, effects } = step(CONFIG, machineIn('creating'), { ...reply, kind: 'failed', failure });
    expect([machine.phase.kind, machine.grant]).toEqual(['failed', undefined]);
    expect(effects.map(({ kind }) => kind)).not.toContain('unlock');
  });

  it('decides again under the lock, and lets it go when there is nothing to create any more', () => {
    const record = present({ clusterId: CLUSTER.clusterId });
    const seen = observation({ nowMs: NOW_MS, record });
    const before = { ...machineIn('confirming'), grant: { ...GRANT, record } };
    const { machine } = step(CONFIG, before, { ...reply, kind: 'observed', observation: seen });
    expect(machine.phase).toMatchObject({ kind: 'releasing', after: { next: 'discover' } });
  });

  it('F1: creates nothing from a list that does not show the record with which the lock was granted', () => {
    const grant = { ...GRANT, record: present({ clusterId: CLUSTER.clusterId }) };
    const seen = observation({ nowMs: NOW_MS, record: { kind: 'absent' } });
    const before = { ...machineIn('confirming'), grant };
    const { machine } = step(CONFIG, before, { ...reply, kind: 'observed', observation: seen });
    expect(machine.phase).toMatchObject({ kind: 'releasing', after: { next: 'wait', wait: { reason: 'list-stale' } } });
  });
});

describe('the formation machine without progress', () => {
  const reply = { ticket: TICKET, nowMs: NOW_MS };
  const waited = (onFailure: 'stop' | 'ignore', nowMs: number) => {
    const event = {
      ticket: TICKET,
      nowMs,
      kind: 'observed',
      observation: observation({ nowMs, record: present() }),
    } as const;
    const machine = machineIn('discovering');
    const memory = { ...machine.memory, awaited: 'c-1/1' };
    return step({ ...CONFIG, onFailure }, { ...machine, memory }, event).machine.phase;
  };

  it('F8: waits until formationTimeoutMs, then fails, naming what it waited for', () => {
    expect(waited('stop', 299_999)).toMatchObject({ kind: 'waiting', wait: { reason: 'nobody-alive' } });
    expect(waited('stop', 300_000)).toMatchObject({
      kind: 'failed',
      cause: 'FORMATION_TIMEOUT',
      lastWait: { reason: 'nobody-alive' },
    });
  });

  it('F9: runs alone only where that is asked for', () => {
    expect(waited('ignore', 300_000)).toMatchObject({ kind: 'standalone', cause: 'FORMATION_TIMEOUT' });
  });

  it('F12: a name that is still held after the longest takeover is a failure', () => {
    const conflict = { kind: 'conflict', instance: 'other' } as const;
    const event = (sentAtMs: number) =>
      ({ ticket: TICKET, nowMs: sentAtMs + 1, kind: 'announced', outcome: conflict, sentAtMs }) as const;
    const held = { ...machineIn('registering'), firstConflictAtMs: 1_000 };
    const inTime = 1_000 + CONFIG.latestTakeoverMs + CONFIG.renewalMs;
    expect(step(CONFIG, held, event(inTime)).machine.phase).toMatchObject({
      kind: 'waiting',
      wait: { reason: 'name-held' },
    });
    expect(step(CONFIG, held, event(inTime + 1)).machine.phase).toMatchObject({ kind: 'failed', cause: 'NAME_HELD' });
  });

  it('F12: what a formed node was told of its name long ago is no part of how long it is held', () => {
    const conflict = {
      ...reply,
      kind: 'announced',
      outcome: { kind: 'conflict', instance: 'other' },
      sentAtMs: 900,
    } as const;
    const standing = { identity: CLUSTER, role: 'member' as const };
    const { machine } = step(CONFIG, { ...machineIn('readying'), standing }, conflict);
    expect([machine.phase.kind, machine.firstConflictAtMs]).toEqual(['formed', undefined]);
  });

  it('F14: a member that returns announces the record that its daemon keeps, not the newer one of the store', () => {
    const peers = [member('a', { members: ['a', 'me'] })];
    const home = { nowMs: NOW_MS, own: committed(), ownMembers: ['a', 'me'], record: present({ version: 5 }), peers };
    const returns = (kept: Sketch['kept']) => {
      const seen = observation({ ...home, ...(kept && { kept }) });
      const { effects } = step(CONFIG, machineIn('discovering'), { ...reply, kind: 'observed', observation: seen });
      return effects;
    };
    expect(returns(record({ version: 3 }))).toMatchObject([{ kind: 'announce', standpoint: { recordVersion: 3 } }]);
    expect(returns(record({ ...OTHER, version: 9 }))).toMatchObject([{ standpoint: { recordVersion: undefined } }]);
    expect(returns(undefined)).toMatchObject([{ standpoint: { recordVersion: undefined } }]);
  });

  it('keeps the newest record with the data when it changes', () => {
    const seen = observation({
      nowMs: NOW_MS,
      own: { kind: 'committed', ...CLUSTER },
      kept: record(),
      record: present({ version: 4 }),
    });
    const formed = { ...machineIn('discovering'), standing: { identity: CLUSTER, role: 'member' as const } };
    const { effects } = step(CONFIG, formed, { ticket: TICKET, nowMs: NOW_MS, kind: 'observed', observation: seen });
    expect(effects).toMatchObject([{ kind: 'work', work: { verb: 'committed', record: { version: 4 } } }]);
  });
});

describe('the formation machine of a formed node with nothing to do', () => {
  const reply = { ticket: TICKET, nowMs: NOW_MS };
  const calm = { ...machineIn('formed'), calm: true };
  const home = { nowMs: NOW_MS, own: committed(), kept: record(), record: present() } as const;
  const glanced = (sketch: Sketch) =>
    step(CONFIG, calm, {
      ...reply,
      kind: 'glanced',
      observation: observation({ ...home, probed: 'sample', ...sketch }),
    });

  it('V7: glances at its daemon while there is no news, and looks at everything when there is', () => {
    const without = step(CONFIG, calm, { ...reply, kind: 'woke', news: false, released: false });
    expect(without.effects).toMatchObject([{ kind: 'glance' }]);
    const withNews = step(CONFIG, calm, { ...reply, kind: 'woke', news: true, released: false });
    expect(withNews.effects).toMatchObject([{ kind: 'observe', probe: 'sample' }]);
  });

  it('rests after a glance that shows nothing new, however old the list is', () => {
    const { machine, effects } = glanced({ askedAtMs: NOW_MS - 900_000 });
    expect([machine.phase.kind, machine.calm]).toEqual(['formed', true]);
    expect(effects).toMatchObject([{ kind: 'wake' }]);
  });

  it('is listed with no cluster any more that it did not get into, while it waits', () => {
    const announced = { state: 'joining', identity: CLUSTER } as const;
    const own = { kind: 'provisional', ...CLUSTER } as const;
    const seen = observation({ nowMs: NOW_MS, own, announced, peers: [{ node: 'a', identity: CLUSTER }] });
    const { machine } = step(CONFIG, machineIn('discovering'), { ...reply, kind: 'observed', observation: seen });
    const standpoint = { state: 'joining', identity: undefined, recordVersion: undefined };
    expect(machine.phase).toEqual({ kind: 'registering', standpoint });
  });

  it('row 0: a daemon that cannot be read is looked at again, and the store is left alone', () => {
    expect(glanced({ own: 'unknown' }).effects).toMatchObject([{ kind: 'wake' }]);
  });

  it.each<[string, Sketch]>([
    ['another identity of the daemon', { own: BLANK, announced: { state: 'ready', identity: CLUSTER } }],
    ['a member that lacks me', { peers: [member('a')] }],
    ['members that lack me', { peers: [member('a'), member('b')] }],
  ])('does nothing upon a glance at %s but look at everything', (_, sketch) => {
    const { machine, effects } = glanced(sketch);
    expect(machine.standing).toBeDefined();
    expect(effects).toMatchObject([{ kind: 'observe', probe: 'all' }]);
  });
});
