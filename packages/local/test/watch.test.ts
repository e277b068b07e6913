import { setImmediate as nextTurn } from 'node:timers/promises';
import { closeSync, fstatSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openNotice } from '../src/notice.js';
import {
  attempt,
  busy,
  call,
  held,
  machineClock,
  member,
  newFolder,
  newRecord,
  openLocal,
  registered,
} from './support.js';

function watching(backend: ReturnType<typeof openLocal>) {
  const controller = new AbortController();
  const hints = backend.watch?.(call(machineClock, controller.signal));
  if (hints === undefined) throw new Error('no watch');
  return { hints: hints[Symbol.asyncIterator](), stop: () => controller.abort() };
}

const CHANGED = { done: false, value: 'changed' };

/** Whether `promise` is still open after the event loop had its turns. */
async function stillOpen(promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  void promise.then(() => (open = false));
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  return open;
}

test('a watch tells of every kind of change that a list shows', async () => {
  const folder = newFolder();
  const [writer, watcher] = [openLocal(folder), openLocal(folder)];
  const registration = await registered(writer, member('a'));
  const { hints, stop } = watching(watcher);
  expect(await hints.next()).toEqual(CHANGED);
  const changes = [
    () => registered(writer, member('a', { state: 'ready' })),
    () => registered(writer, member('b')),
    () => writer.unregister(registration, call()),
    async () => {
      const grant = await held(writer, attempt('b'));
      await writer.unlock(grant, { ...call(), record: newRecord(grant.token) });
    },
  ];
  for (const change of changes) {
    const next = hints.next();
    await change();
    expect(await next).toEqual(CHANGED);
  }
  stop();
  expect((await hints.next()).done).toBe(true);
});

test('a watch that begins behind a list tells of what changed in between', async () => {
  const folder = newFolder();
  const [writer, watcher] = [openLocal(folder), openLocal(folder)];
  await watcher.list(call());
  const { hints } = watching(watcher);
  const quiet = hints.next();
  expect(await stillOpen(quiet)).toBe(true);
  await registered(writer, member('a'));
  expect(await quiet).toEqual(CHANGED);

  await watcher.list(call());
  await registered(writer, member('b'));
  expect(await watching(watcher).hints.next()).toEqual(CHANGED);
});

test('renewals, locks and other clusters are no news', async () => {
  const folder = newFolder();
  const [writer, watcher] = [openLocal(folder), openLocal(folder)];
  const other = openLocal(folder, { cluster: 'other' });
  await registered(writer, member('a'));
  await watcher.list(call());
  const next = watching(watcher).hints.next();
  await registered(writer, member('a'));
  await writer.unlock(await held(writer, attempt('a')), call());
  await registered(other, member('a'));
  expect(await stillOpen(next)).toBe(true);
  await registered(writer, member('b'));
  expect(await next).toEqual(CHANGED);
});

test('closing ends the own watch only', async () => {
  const folder = newFolder();
  const [one, two, writer] = [openLocal(folder), openLocal(folder), openLocal(folder)];
  await Promise.all([one.list(call()), two.list(call())]);
  const [first, second] = [watching(one).hints.next(), watching(two).hints.next()];
  await stillOpen(first);
  await one.close();
  expect((await first).done).toBe(true);
  await registered(writer, member('a'));
  expect(await second).toEqual(CHANGED);
});

test('a watch ends when its file is removed', async () => {
  const folder = newFolder();
  const backend = openLocal(folder);
  await backend.list(call());
  const next = watching(backend).hints.next();
  await stillOpen(next);
  rmSync(join(folder, 'changes'));
  expect((await next).done).toBe(true);
});

test('a watch ends when the whole folder is removed, and nothing is written into a file that is opened later', async () => {
  const folder = newFolder();
  const notice = openNotice(join(folder, 'changes'));
  const news: string[] = [];
  const other = join(newFolder(), 'other');
  notice.listen((each) => news.push(each));
  rmSync(folder, { recursive: true });
  await vi.waitFor(() => expect(news).toEqual(['broken']));
  // The system gives the number of a file that was closed to the next one that is opened.
  const descriptor = openSync(other, 'w+');
  notice.touch();
  notice.close();
  notice.touch();
  expect(fstatSync(descriptor).size).toBe(0);
  closeSync(descriptor);
});

test('a watch with an aborted signal, or of a closed backend, fails', async () => {
  const backend = openLocal(newFolder());
  const aborted = backend.watch?.(call(machineClock, AbortSignal.abort()));
  await expect(aborted?.[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ABORTED' });
  await backend.close();
  await expect(watching(backend).hints.next()).rejects.toMatchObject({ code: 'CLOSED' });
});

test('fifty clients of one process all hear of a change', async () => {
  const folder = newFolder();
  const clients = Array.from({ length: 50 }, () => openLocal(folder));
  await Promise.all(clients.map((client, index) => registered(client, member(`n-${index}`))));
  await Promise.all(clients.map((client) => client.list(call())));
  const heard = clients.map((client) => watching(client).hints.next());
  const [first] = clients;
  if (first !== undefined) await registered(first, member('late'));
  expect(await Promise.all(heard)).toEqual(clients.map(() => CHANGED));
});

test('busy tells when the lock was released, also when that was before anybody listened', async () => {
  const folder = newFolder();
  const [one, two] = [openLocal(folder), openLocal(folder)];
  const grant = await held(one, attempt('a'));
  const { released } = await busy(two, attempt('b'));
  const { signal } = new AbortController();
  const hint = released?.(signal);
  await registered(one, member('a'));
  expect(await stillOpen(hint ?? Promise.resolve())).toBe(true);
  await one.unlock(grant, call());
  await hint;
  await released?.(signal);
  await held(two, attempt('b'));
});

test('the hint ends with its signal', async () => {
  const folder = newFolder();
  const backend = openLocal(folder);
  await held(backend, attempt('a'));
  const { released } = await busy(backend, attempt('b'));
  const controller = new AbortController();
  const hint = released?.(controller.signal);
  await stillOpen(hint ?? Promise.resolve());
  controller.abort();
  await expect(hint).resolves.toBeUndefined();
});
