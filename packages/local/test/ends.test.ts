import { spawnSync } from 'node:child_process';
import { type Backend, ClusterError } from '@autocluster/core/backend';
import { expect, test } from 'vitest';
import {
  attempt,
  call,
  held,
  machineClock,
  member,
  names,
  newFolder,
  newRecord,
  openLocal,
  registered,
} from './support.js';

type Verb = (backend: Backend, signal?: AbortSignal) => Promise<unknown>;

const GRANT = { name: 'formation', attempt: 'x', token: 1n, ttlMs: 1_000, ref: '1', record: undefined };
const ENTRY = { ...member('a'), order: 1n, ref: '1' };

const verbs: readonly [name: string, verb: Verb][] = [
  ['register', (backend, signal) => backend.register(member('a'), call(machineClock, signal))],
  ['unregister', (backend, signal) => backend.unregister(ENTRY, call(machineClock, signal))],
  ['list', (backend, signal) => backend.list(call(machineClock, signal))],
  ['lock', (backend, signal) => backend.lock(attempt('a'), call(machineClock, signal))],
  ['unlock', (backend, signal) => backend.unlock(GRANT, call(machineClock, signal))],
];

test.each(verbs)('%s with an aborted signal rejects, and writes nothing', async (operation, verb) => {
  const folder = newFolder();
  const [backend, witness] = [openLocal(folder), openLocal(folder)];
  const before = await witness.list(call());
  const aborted = verb(backend, AbortSignal.abort('enough'));
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', operation, outcomeUnknown: false, cause: 'enough' });
  const reason = new ClusterError('TIMEOUT', 'too slow');
  await expect(verb(backend, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(await witness.list(call())).toEqual(before);
});

test.each(verbs)('%s that is aborted under way settles at once', async (operation, verb) => {
  const backend = openLocal(newFolder());
  const controller = new AbortController();
  const running = verb(backend, controller.signal);
  controller.abort();
  await expect(running).rejects.toMatchObject({ code: 'ABORTED', operation });
});

test.each(verbs)('%s after close rejects', async (operation, verb) => {
  const backend = openLocal(newFolder());
  await backend.list(call());
  await backend.close();
  await backend.close();
  await expect(verb(backend)).rejects.toMatchObject({ code: 'CLOSED', operation, retryable: false });
});

test('a process whose folder was removed ends as it would have', async () => {
  const entry = new URL('../dist/index.js', import.meta.url).href;
  const folder = JSON.stringify(newFolder());
  const program = `
    import { rmSync } from 'node:fs';
    import { local } from ${JSON.stringify(entry)};
    const backend = local({ cluster: 'gone', folder: ${folder} });
    const clock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };
    await backend.list({ signal: new AbortController().signal, timeoutMs: 5_000, clock });
    rmSync(${folder}, { recursive: true });
  `;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('the manifest stays what it was', async () => {
  const backend = openLocal(newFolder());
  const before = structuredClone(backend.capabilities);
  await backend.list(call());
  await backend.close();
  expect(backend.capabilities).toEqual(before);
});

test('two clients of one process are two: closing one leaves the other', async () => {
  const folder = newFolder();
  const [one, two] = [openLocal(folder), openLocal(folder)];
  await registered(one, member('a'));
  const grant = await held(two, attempt('b'));
  await one.close();
  expect(await names(two)).toEqual(['a']);
  expect(await two.unlock(grant, { ...call(), record: newRecord(grant.token) })).toEqual({ kind: 'released' });
  await two.close();
  expect(await names(openLocal(folder))).toEqual(['a']);
});

test('a backend can be closed before it was used, and while it opens', async () => {
  await openLocal(newFolder()).close();
  const backend = openLocal(newFolder());
  const opening = backend.list(call());
  await Promise.all([expect(opening).rejects.toMatchObject({ code: 'CLOSED' }), backend.close()]);
});

test('a call that many others come before is still answered', async () => {
  const folder = newFolder();
  const clients = Array.from({ length: 20 }, () => openLocal(folder));
  const nodes = clients.map((_, index) => `n-${index}`);
  await Promise.all(clients.map((client, index) => registered(client, member(`n-${index}`))));
  const [first] = clients;
  expect(first && (await names(first)).sort()).toEqual(nodes.sort());
});
