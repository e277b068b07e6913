import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeTiming } from '@autocluster/core';
import { etcd } from '@autocluster/etcd';
import { local } from '@autocluster/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EtcdServer, startEtcd, until } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { Member, type Setup } from './crash/fleet.ts';

const TTL_MS = 2_000;
const FIRST = [
  'before register',
  'holding the lock, before create',
  'after create, before the record',
  'while releasing',
  'after the record, before ready',
];

async function withMembers(
  work: (launch: (...args: ConstructorParameters<typeof Member>) => Member) => Promise<void>,
): Promise<void> {
  const all: Member[] = [];
  try {
    await work((...args) => {
      const member = new Member(...args);
      all.push(member);
      return member;
    });
  } finally {
    await Promise.all(all.map((member) => member.end()));
  }
}

/** The others end in one cluster within the bound, and the one that was killed comes back into it. */
async function killAt(setup: Setup, boundMs: number, moment: string): Promise<void> {
  await withMembers(async (launch) => {
    const strike = { moment, signal: 'SIGKILL' } as const;
    const [victim, ...others] = await Promise.all([
      launch(setup, 'n1', { strike }).loaded(),
      ...['n2', 'n3'].map((name) => launch(setup, name).loaded()),
    ]);
    const [early, late] = moment === 'while joining' ? [others, [victim]] : [[victim], others];
    for (const member of early) member?.start();
    if (moment === 'while joining') await Promise.all(others.map((member) => member.formed()));
    else await victim.exits();
    for (const member of late) member?.start();
    await victim.exits();
    expect(victim.killedBy).toBe('SIGKILL');
    const clusters = new Set(await Promise.all(others.map((member) => member.formed(boundMs))));
    const back = await launch(setup, 'n1').loaded();
    back.start();
    clusters.add(await back.formed());
    expect([...clusters]).toHaveLength(1);
  });
}

/** The resumed process does no guarded work, commits nothing, and joins the cluster that the others made. */
async function pauseWithLock(setup: Setup): Promise<void> {
  await withMembers(async (launch) => {
    const strike = { moment: 'holding the lock, before create', signal: 'SIGSTOP' } as const;
    const paused = await launch(setup, 'n1', { strike }).loaded();
    const others = await Promise.all(['n2', 'n3'].map((name) => launch(setup, name).loaded()));
    paused.start();
    await paused.sees('registration.made');
    for (const member of others) member.start();
    const [cluster] = await Promise.all(others.map((member) => member.formed()));
    paused.signal('SIGCONT');
    expect(await paused.formed()).toBe(cluster);
    expect([paused.count('created'), paused.count('record.committed'), paused.last('formed')?.['role']]).toEqual([
      0,
      0,
      'joiner',
    ]);
  });
}

/** With data to keep nobody replaces the cluster: its creator comes back with its data, and all are one again. */
async function killDurableCreator(setup: Setup, folder: string): Promise<void> {
  await withMembers(async (launch) => {
    const file = (name: string) => join(folder, `${setup.cluster}-${name}.json`);
    const strike = { moment: 'after the record, before ready', signal: 'SIGKILL' } as const;
    const creator = await launch(setup, 'n1', { strike, file: file('n1') }).loaded();
    const others = await Promise.all(['n2', 'n3'].map((name) => launch(setup, name, { file: file(name) }).loaded()));
    creator.start();
    await creator.exits();
    expect(await readFile(file('n1'), 'utf8')).toContain('"kind":"provisional"');
    for (const member of others) member.start();
    await until(
      'the others wait for it',
      () => others.every((member) => member.last('state.changed')?.['reason'] === 'nobody-alive'),
      { withinMs: 20_000 },
    );
    const back = await launch(setup, 'n1', { file: file('n1') }).loaded();
    back.start();
    const clusters = await Promise.all([back, ...others].map((member) => member.formed()));
    expect(new Set(clusters).size).toBe(1);
    expect([back.count('created'), ...others.map((member) => member.count('created'))]).toEqual([0, 0, 0]);
  });
}

function cases(setupOf: () => Omit<Setup, 'cluster' | 'ttlMs'>, boundMs: () => number, folder: () => string): void {
  const fresh = (): Setup => ({ ...setupOf(), cluster: `crash-${randomUUID().slice(0, 8)}`, ttlMs: TTL_MS });
  describe.concurrent('SIGKILL (F7, S33)', () => {
    it.each([...FIRST, 'while joining'])('%s: the others form one cluster, and it comes back', (moment) =>
      killAt(fresh(), boundMs(), moment),
    );
    it('after the record, with data to keep: nobody is needed to repair it', () =>
      killDurableCreator(fresh(), folder()));
  });
  describe.concurrent('SIGSTOP for longer than the TTL', () => {
    it('L4 L6 S30: while it holds the lock: it does nothing more with it', () => pauseWithLock(fresh()));
  });
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'autocluster-crash-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a process that is struck, on the local store', () => {
  const bound = () => describeTiming({ backend: local({ cluster: 'x', folder }), ttlMs: TTL_MS }).formationAfterCrashMs;
  cases(
    () => ({ store: { folder } }),
    bound,
    () => folder,
  );
});

serverSuite(['etcd'], 'a process that is struck, on etcd', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await startEtcd();
  });
  afterAll(() => server.stop());
  const bound = () =>
    describeTiming({ backend: etcd({ cluster: 'x', hosts: server.endpoints }), ttlMs: TTL_MS }).formationAfterCrashMs;
  cases(
    () => ({ store: { hosts: server.endpoints } }),
    bound,
    () => folder,
  );
});
