import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createClient } from '../src/client.js';
import { readOptions } from '../src/config.js';
import { heldToken } from '../src/locks.js';
import { QUEUE_FOLDER } from '../src/turn.js';
import { attempt, call, held, machineClock, member, newFolder, newRecord, openLocal, registered } from './support.js';
import { ask, kill, startHolder, startWorker } from './workers/processes.js';

const ROUNDS = Number(process.env['LOCAL_ROUNDS'] ?? 30);
/** Some of these tests start a process in every round. */
const MANY_STARTS = { timeout: 120_000 };

test(`of eight processes that ask at one moment one gets the lock, ${ROUNDS} times`, async () => {
  const folder = newFolder();
  const workers = await Promise.all(Array.from({ length: 8 }, () => startWorker(folder)));
  await Promise.all(workers.map((worker) => ask(worker, 'list', {})));
  const tokens: bigint[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const atMs = machineClock.monotonicMs() + 5;
    const contend = async (worker: ChildProcess, index: number) => ({
      worker,
      outcome: await ask(worker, 'lock', { request: attempt(`n-${index}`), atMs }),
    });
    const outcomes = await Promise.all(workers.map(contend));
    const winners = outcomes.filter(({ outcome }) => outcome.kind === 'held');
    expect(winners).toHaveLength(1);
    for (const { worker, outcome } of winners) {
      if (outcome.kind !== 'held') continue;
      tokens.push(outcome.grant.token);
      await ask(worker, 'unlock', { request: outcome.grant });
    }
  }
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => Number(a - b)));
  await Promise.all(workers.map(kill));
});

test('another process lists a registration as soon as it was answered', async () => {
  const folder = newFolder();
  const worker = await startWorker(folder);
  const backend = openLocal(folder);
  for (let round = 0; round < 20; round += 1) {
    await registered(backend, member(`n-${round}`));
    const list = await ask(worker, 'list', {});
    expect(list.members).toHaveLength(round + 1);
  }
  await kill(worker);
});

test('killed at any moment, processes leave no half of anything, and tokens never fall', MANY_STARTS, async () => {
  const folder = newFolder();
  const client = createClient({ config: readOptions({ cluster: 'orders', folder }) });
  const backend = openLocal(folder);
  const tokens: bigint[] = [];
  const versions = new Map<number, bigint>();
  const broken: unknown[] = [];
  const start = async () => {
    const worker = await startWorker(folder, 'form');
    worker.on('message', (said: { token?: bigint; version?: number; under?: bigint; broken?: string }) => {
      if (said.token !== undefined) tokens.push(said.token);
      if (said.broken !== undefined) broken.push(said.broken);
      if (said.version === undefined || said.under === undefined) return;
      if (versions.has(said.version)) broken.push(`version ${said.version} was committed twice`);
      versions.set(said.version, said.under);
    });
    return worker;
  };
  const workers = await Promise.all([start(), start(), start()]);
  let revision = 0n;
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    // The victim is killed at its next answer, hence somewhere in its next verb.
    const index = round % workers.length;
    const victim = workers[index];
    if (victim === undefined) continue;
    await once(victim, 'message');
    acknowledged = Math.max(acknowledged, ...versions.keys());
    await kill(victim);
    const list = await backend.list(call());
    const view = await client.ask('check', call(), (view) => heldToken(view, 'formation'));
    expect(list).toMatchObject({ complete: true, skipped: [] });
    expect(list.revision).toBeGreaterThanOrEqual(revision);
    revision = list.revision ?? 0n;
    expect(list.record.kind).not.toBe('unreadable');
    const record = list.record.kind === 'present' ? list.record.record : undefined;
    expect(record?.version ?? 0).toBeGreaterThanOrEqual(acknowledged);
    expect(record?.token).not.toBe(view ?? 0n);
    workers[index] = await start();
  }
  await Promise.all(workers.map(kill));
  await client.close();
  expect(broken).toEqual([]);
  expect(new Set(tokens).size).toBe(tokens.length);
});

/** Asks for the lock until it is free; each answer is an exchange with the store, and nothing sleeps. */
async function takeOver(backend: ReturnType<typeof openLocal>) {
  const request = attempt('b');
  for (;;) {
    const outcome = await backend.lock(request, call());
    if (outcome.kind === 'held') return outcome.grant;
  }
}

test('a process that was stopped for longer than its TTL commits nothing', async () => {
  const folder = newFolder();
  const worker = await startWorker(folder);
  const backend = openLocal(folder);
  const outcome = await ask(worker, 'lock', { request: attempt('a', { ttlMs: 100 }) });
  if (outcome.kind !== 'held') throw new Error('not held');
  const { grant } = outcome;
  worker.kill('SIGSTOP');
  const mine = await takeOver(backend);
  worker.kill('SIGCONT');
  const late = await ask(worker, 'unlock', { request: grant, record: newRecord(grant.token) });
  expect(late).toEqual({ kind: 'lost' });
  expect((await backend.list(call())).record).toEqual({ kind: 'absent' });
  expect(await backend.unlock(mine, { ...call(), record: newRecord(mine.token) })).toEqual({ kind: 'released' });
  await kill(worker);
});

test('stopped at any moment, a process holds up the others no longer than their time limit', async () => {
  const folder = newFolder();
  const backend = openLocal(folder);
  await backend.list(call());
  const worker: ChildProcess = await startWorker(folder, 'form');
  for (let round = 0; round < ROUNDS; round += 1) {
    await once(worker, 'message');
    worker.kill('SIGSTOP');
    const startedMs = machineClock.monotonicMs();
    const limited = { ...call(machineClock, AbortSignal.timeout(500)), timeoutMs: 500 };
    const code = await backend.register(member('a'), limited).then(
      (outcome) => outcome.kind,
      (error: { code: string }) => error.code,
    );
    expect(['registered', 'ABORTED', 'TIMEOUT']).toContain(code);
    expect(machineClock.monotonicMs() - startedMs).toBeLessThan(1_500);
    expect((await backend.list(call())).complete).toBe(true);
    worker.kill('SIGCONT');
  }
  await kill(worker);
});

test('while a process is stuck inside a transaction others read, give up in time, and go on when it is gone', async () => {
  const folder = newFolder();
  const backend = openLocal(folder);
  const grant = await held(backend, attempt('a'));
  const holder = await startHolder(folder);
  expect((await backend.list(call())).record).toEqual({ kind: 'absent' });
  await expect(backend.register(member('a'), call(machineClock, AbortSignal.timeout(50)))).rejects.toMatchObject({
    code: 'ABORTED',
    outcomeUnknown: false,
  });
  const named = { code: 'TIMEOUT', outcomeUnknown: false, message: expect.stringContaining(`${holder.pid}`) };
  await expect(backend.register(member('a'), { ...call(), timeoutMs: 50 })).rejects.toMatchObject(named);
  await kill(holder);
  await registered(backend, member('b'));
  expect((await backend.list(call())).record).toEqual({ kind: 'absent' });
  expect(await backend.unlock(grant, call())).toEqual({ kind: 'released' });
});

test('a process that is stopped while it waits for its turn holds up nobody', async () => {
  const folder = newFolder();
  const backend = openLocal(folder);
  const worker = await startWorker(folder);
  await Promise.all([backend.list(call()), ask(worker, 'list', {})]);
  const holder = await startHolder(folder);
  const first = ask(worker, 'register', { request: member('a') });
  const queued = () => readdirSync(join(folder, QUEUE_FOLDER));
  while (!queued().some((ticket) => ticket.includes(`-${worker.pid}-`))) await new Promise(setImmediate);
  worker.kill('SIGSTOP');
  const second = registered(backend, member('b'));
  await kill(holder);
  await second;
  for (let each = 0; each < 5; each += 1) await registered(backend, member(`c-${each}`));
  worker.kill('SIGCONT');
  expect(await first).toMatchObject({ kind: 'registered' });
  await kill(worker);
});

test('a backend can be closed while a process is stuck inside a transaction', async () => {
  const folder = newFolder();
  const backend = openLocal(folder);
  await backend.list(call());
  const holder = await startHolder(folder);
  const stuck = backend.register(member('a'), call());
  await Promise.all([expect(stuck).rejects.toMatchObject({ code: 'CLOSED' }), backend.close()]);
  await kill(holder);
});

test('a folder that a stuck process has is not opened, and opens when it is gone', async () => {
  const folder = newFolder();
  const holder = await startHolder(folder);
  const backend = openLocal(folder);
  await expect(backend.list(call())).rejects.toMatchObject({
    code: 'STORE_UNREACHABLE',
    retryable: true,
    outcomeUnknown: false,
    message: expect.stringContaining(`${holder.pid}`),
  });
  await kill(holder);
  expect((await backend.list(call())).record).toEqual({ kind: 'absent' });
});

test('while a process is stuck inside a transaction others that write can end as they like', async () => {
  const folder = newFolder();
  const worker = await startWorker(folder);
  await ask(worker, 'list', {});
  const holder = await startHolder(folder);
  const stuck = ask(worker, 'register', { request: member('a') });
  await Promise.all([expect(stuck).rejects.toMatchObject({ code: 'CLOSED' }), ask(worker, 'close', {})]);
  const [code] = await once(worker, 'exit');
  expect(code).toBe(0);
  await kill(holder);
});

test('nothing is lost or broken while processes open the folder, write and close it at the same time', async () => {
  const folder = newFolder();
  const broken: unknown[] = [];
  const numbers = new Map<ChildProcess, number>();
  const workers = await Promise.all(
    (['count', 'count', 'visit', 'visit', 'visit'] as const).map((work) => startWorker(folder, work)),
  );
  const enough = workers.map(async (worker) => {
    worker.on('message', (said: { number?: number; broken?: string }) => {
      if (said.broken !== undefined) broken.push(said.broken);
      if (said.number !== undefined) numbers.set(worker, said.number);
    });
    while (broken.length === 0 && (numbers.get(worker) ?? 0) < ROUNDS) await once(worker, 'message');
  });
  await Promise.race([Promise.all(enough), ...workers.map((worker) => once(worker, 'exit'))]);
  expect(broken).toEqual([]);
  expect([...numbers.values()].filter((number) => number >= ROUNDS)).toHaveLength(workers.length);
  await Promise.all(workers.map(kill));
});

test('a process ends by itself once its backend is closed', async () => {
  const folder = newFolder();
  const worker = await startWorker(folder);
  await ask(worker, 'register', { request: member('a') });
  await ask(worker, 'close', {});
  const [code] = await once(worker, 'exit');
  expect(code).toBe(0);
});
