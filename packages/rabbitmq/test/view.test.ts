import type { ClusterRecord, Member } from '@autocluster/core/driver';
import { describe, expect, test } from 'vitest';
import { formatNamed, type Probe } from '../src/parse.js';
import { asListed, healthOf, isCastOut, isHalfway, ownView, viewOf } from '../src/view.js';

const SELF = 'rabbit@a';
const record: ClusterRecord = {
  clusterId: 'c-1',
  generation: 1,
  createdBy: SELF,
  createdAt: '2026-01-01T00:00:00.000Z',
  token: 1n,
  version: 4,
  size: 2,
  idle: false,
  removed: [],
  settings: {},
  extra: {},
};

const serving: Probe = {
  gate: 'booted',
  failure: undefined,
  running: true,
  ready: true,
  booting: false,
  readable: true,
  members: [SELF, 'rabbit@b'],
  up: [SELF, 'rabbit@b'],
  apart: [],
  parameter: formatNamed(record),
  contents: undefined,
  native: 'x',
  folder: '/data/rabbit@a',
};
const alone = { members: [SELF], up: [SELF], parameter: undefined } as const;
const held = { running: false, ready: false } as const;
const virgin: Probe = { ...serving, ...alone, ...held, gate: 'deciding', readable: false, members: [], up: [] };
const stopped: Probe = { ...serving, ...held, readable: false, parameter: undefined, up: [] };
const castOut: Probe = { ...stopped, gate: 'failed', failure: '{error,{inconsistent_cluster,"Node b disagrees"}}' };

const confirming: Probe = { ...serving, ...held, gate: 'confirming' };
const admitted: Probe = { ...confirming, gate: 'admitted' };
const booting: Probe = { ...stopped, gate: 'booting' };
const foreign: Probe = { ...stopped, gate: 'none', booting: true };

const native: Member = {
  node: SELF,
  instance: 'lease-1',
  state: 'ready',
  identity: undefined,
  recordVersion: undefined,
  metadata: {},
  order: 1n,
};

const nothing = { joining: false, record: undefined };
const identity = (probe: Probe) => viewOf(SELF, probe)?.identity;

describe('what a broker says of its cluster', () => {
  test('S84: one without data belongs to nobody, whoever its database is in touch with', () => {
    const halfway: Probe = { ...serving, ...held, gate: 'deciding' };
    const blank = { identity: { kind: 'blank' }, members: [SELF], running: [], partitions: [], kept: undefined };
    expect(viewOf(SELF, halfway)).toEqual(blank);
    const interrupted = { ...blank, identity: { kind: 'unnamed', interruptedJoin: true } };
    expect(ownView(SELF, halfway, { joining: true, record: undefined })).toEqual(interrupted);
    expect(isHalfway(SELF, halfway)).toBe(true);
    expect([virgin, serving, confirming].filter((probe) => isHalfway(SELF, probe))).toEqual([]);
  });

  test('its parameter names it', () => {
    expect(viewOf(SELF, serving)).toEqual({
      identity: { kind: 'committed', clusterId: 'c-1', generation: 1 },
      members: [SELF, 'rabbit@b'],
      running: [SELF, 'rabbit@b'],
      partitions: [],
      kept: record,
    });
    const created = { ...serving, parameter: formatNamed({ clusterId: 'c-2', generation: 3 }) };
    expect(identity(created)).toEqual({ kind: 'provisional', clusterId: 'c-2', generation: 3 });
  });

  test('S83: blank is what it says itself: no data at all, or alone with what a first boot makes', () => {
    expect(viewOf(SELF, virgin)).toMatchObject({ identity: { kind: 'blank' }, members: [SELF], running: [] });
    expect(identity({ ...serving, ...alone, contents: 0 })).toEqual({ kind: 'blank' });
  });

  test('a queue, a user or a second member more is data; so is what could not be counted', () => {
    const unnamed = { kind: 'unnamed', interruptedJoin: false };
    expect(identity({ ...serving, ...alone, contents: 1 })).toEqual(unnamed);
    expect(identity({ ...serving, ...alone, contents: undefined })).toEqual(unnamed);
    expect(identity({ ...serving, parameter: undefined })).toEqual(unnamed);
  });

  test('while its database is closed it says nothing', () => {
    expect(viewOf(SELF, stopped)).toBeUndefined();
    expect(() => viewOf(SELF, { ...serving, parameter: 'unreadable' })).toThrow(/identity/);
  });

  test('S91: members that it does not count as running, and that run, are the other side of a partition', () => {
    const split = { ...serving, up: [SELF], apart: ['rabbit@b'] };
    expect(viewOf(SELF, split)?.partitions).toEqual([[SELF], ['rabbit@b']]);
  });
});

describe('what is known of the own broker', () => {
  test('a join that was not confirmed hides what it brought', () => {
    const joining = { joining: true, record: undefined };
    const interrupted = { identity: { kind: 'unnamed', interruptedJoin: true } };
    expect(ownView(SELF, serving, joining)).toMatchObject({ ...interrupted, members: [SELF, 'rabbit@b'] });
    expect(ownView(SELF, virgin, joining)).toMatchObject(interrupted);
    expect(ownView(SELF, castOut, joining)).toMatchObject(interrupted);
  });

  test('S39: one that RabbitMQ does not start any more is still known by its record', () => {
    const known = ownView(SELF, castOut, { joining: false, record });
    expect(isCastOut(castOut)).toBe(true);
    expect(known).toMatchObject({ identity: { kind: 'committed', clusterId: 'c-1' }, members: [SELF, 'rabbit@b'] });
    expect(known?.running).toEqual([]);
    expect(ownView(SELF, castOut, nothing)).toBeUndefined();
  });

  test('while it boots, nothing is known', () => {
    expect(ownView(SELF, { ...stopped, gate: 'booting' }, { joining: false, record })).toBeUndefined();
  });

  test('a wiped broker is blank, whatever was known of it', () => {
    expect(ownView(SELF, virgin, { joining: false, record })?.identity).toEqual({ kind: 'blank' });
  });
});

describe('health', () => {
  test.each([
    ['it serves its cluster', serving, 'up', true],
    ['S13: it boots, and is not joined', { ...serving, ready: false }, 'up', false],
    [
      'its cluster was not committed',
      { ...serving, parameter: formatNamed(record).replace('committed', 'x') },
      'throws',
      false,
    ],
    ['it waits for its cluster', virgin, 'up', false],
    ['it waits to be let in', confirming, 'up', false],
    ['it is let in, and opens its queues and listeners', admitted, 'up', false],
    ['its database is not open yet', booting, 'unknown', false],
    ['it was stopped', stopped, 'down', false],
    ['it boots, and was not started by us', foreign, 'unknown', false],
    ['it did not start', castOut, 'down', false],
  ])('%s', (_title, probe, status, ready) => {
    if (status === 'throws') expect(() => healthOf(SELF, probe)).toThrow(/identity/);
    else expect(healthOf(SELF, probe)).toMatchObject({ status, ready });
  });

  test('S13: it can be joined as soon as its membership is confirmed, and not before', () => {
    const created = { ...admitted, parameter: formatNamed({ clusterId: 'c-2', generation: 3 }) };
    const states = [virgin, confirming, booting, created, stopped, { ...serving, ready: false }];
    expect(states.map((probe) => healthOf(SELF, probe).admits)).toEqual(states.map(() => false));
    for (const probe of [admitted, { ...admitted, running: true }, serving]) {
      const { admits, view } = healthOf(SELF, probe);
      expect({ admits, running: view?.running }).toEqual({ admits: true, running: serving.up });
    }
  });

  test('a stopped broker says why it stopped', () => {
    expect(healthOf(SELF, castOut).detail).toContain('inconsistent_cluster');
  });

  test.each([
    ['one of RabbitMQ itself serves clients, though it holds nothing', 'none', {}, 'unnamed'],
    ['ours that waits is blank: stores that list pods know no identity either', 'confirming', {}, 'blank'],
    [
      'one that has an identity in the store is ours',
      'none',
      { identity: { clusterId: 'c-1', generation: 1 } },
      'blank',
    ],
    ['one that is not listed as ready lets nobody in', 'none', { state: 'joining' }, 'blank'],
  ] as const)('what the store lists of a blank broker: %s', (_title, gate, more, kind) => {
    const probe: Probe = { ...serving, ...alone, gate, contents: 0 };
    const listed: Member = { ...native, ...more };
    expect(asListed(healthOf(SELF, probe), probe, listed).view?.identity.kind).toBe(kind);
    expect(asListed(healthOf(SELF, probe), probe, undefined).view?.identity.kind).toBe('blank');
  });
});
