import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeRecord } from '@autocluster/core/backend';
import { expect, test } from 'vitest';
import {
  attempt,
  busy,
  call,
  held,
  member,
  names,
  newFolder,
  newRecord,
  openLocal,
  registered,
  stillClock,
} from './support.js';
import { ask, kill, putInto, startCrampedWorker, startWorker } from './workers/processes.js';

type Value = string | Buffer;

const write = (folder: string, entries: Readonly<Record<string, Value>>) => putInto(folder, Object.entries(entries));

async function made(folder: string): Promise<void> {
  const backend = openLocal(folder);
  await registered(backend, member('a'));
  await backend.close();
}

const data = (folder: string) => readFileSync(join(folder, 'data.mdb'));
const MEGABYTE = 'x'.repeat(1_048_576);
const PREFIX = 'clusters/orders/members/';

test('values that cannot be understood are skipped and counted, and hide nobody', async () => {
  const clock = stillClock();
  const folder = newFolder();
  const backend = openLocal(folder);
  await registered(backend, member('a'), call(clock));
  const hostile: Record<string, Value> = {
    empty: '',
    byte: 'x',
    noise: Buffer.from([0xff, 0xfe, 0, 1, 2]),
    json: '{"format":1}',
    megabyte: MEGABYTE,
    'lease only': '1 boot 30000 1030000.000\n',
    'huge ttl': '1 boot 99999999 1030000.000\n{}',
    'later release': '1 boot 30000 1030000.000\n{"format":2}',
    'two/segments': 'x',
    '': 'x',
  };
  write(folder, Object.fromEntries(Object.entries(hostile).map(([key, value]) => [PREFIX + key, value])));
  const list = await backend.list(call(clock));
  expect(list.members.map((each) => each.node)).toEqual(['a']);
  expect(list.complete).toBe(true);
  expect(list.skipped.map(({ key }) => key).sort()).toEqual(
    Object.keys(hostile)
      .map((key) => PREFIX + key)
      .sort(),
  );
  expect(list.skipped.every(({ reason }) => reason !== '')).toBe(true);
});

test('a key that is not text is skipped', async () => {
  const folder = newFolder();
  await made(folder);
  const key = Buffer.concat([Buffer.from(PREFIX), Buffer.from([0xff])]);
  putInto(folder, [[key, 'x']]);
  const { members, skipped } = await openLocal(folder).list(call());
  expect(members).toHaveLength(1);
  expect(skipped).toEqual([{ key: `0x${key.toString('hex')}`, reason: expect.any(String) }]);
});

test('an entry under another node’s key is skipped', async () => {
  const folder = newFolder();
  const backend = openLocal(folder, { boot: 'boot' });
  const clock = stillClock();
  await registered(backend, member('a'), call(clock));
  const entry = { format: 1, node: 'a', instance: 'i', state: 'ready', metadata: {} };
  write(folder, { [`${PREFIX}b`]: `9 boot 30000 1030000.000\n${JSON.stringify(entry)}` });
  const list = await backend.list(call(clock));
  expect(list.members.map((each) => each.node)).toEqual(['a']);
  expect(list.skipped).toHaveLength(1);
});

test('a name whose entry is damaged can be registered; one whose lease runs is somebody’s', async () => {
  const folder = newFolder();
  const clock = stillClock();
  const backend = openLocal(folder, { boot: 'boot' });
  await backend.list(call(clock));
  write(folder, { [`${PREFIX}a`]: 'noise', [`${PREFIX}b`]: '9 boot 30000 1030000.000\n{"format":2}' });
  await registered(backend, member('a'), call(clock));
  expect(await backend.register(member('b'), call(clock))).toEqual({ kind: 'conflict', instance: undefined });
  clock.pass(30_000);
  await registered(backend, member('b'), call(clock));
});

test('a lock value that cannot be understood holds nobody up for longer than its lease', async () => {
  const folder = newFolder();
  const clock = stillClock();
  const backend = openLocal(folder, { boot: 'boot' });
  await backend.list(call(clock));
  const locks = 'clusters/orders/locks/';
  const far = '1 boot 30000 99999999999.000\n{}';
  write(folder, {
    [`${locks}a`]: MEGABYTE,
    [`${locks}b`]: far,
    [`${locks}c`]: '1 boot 30000 1030000.000\nnoise',
  });
  await held(backend, attempt('n', { name: 'a' }), call(clock));
  await held(backend, attempt('n', { name: 'b' }), call(clock));
  expect(await busy(backend, attempt('n', { name: 'c' }), call(clock))).toMatchObject({ holder: undefined });
  clock.pass(30_000);
  await held(backend, attempt('n', { name: 'c' }), call(clock));
});

test('a record that cannot be understood is unreadable, not absent', async () => {
  const later = '{"format":2,"clusterId":"c"}';
  for (const text of ['', 'noise', MEGABYTE, later]) {
    const folder = newFolder();
    const backend = openLocal(folder);
    await registered(backend, member('a'));
    write(folder, { 'clusters/orders/record': text });
    expect((await backend.list(call())).record).toMatchObject({ kind: 'unreadable' });
    expect((await held(backend, attempt('a'))).record).toMatchObject({ kind: 'unreadable' });
  }
});

test('fields of a later release stay in the record', async () => {
  const folder = newFolder();
  const backend = openLocal(folder);
  await backend.list(call());
  const later = newRecord(1n, { extra: { colour: 'blue' } });
  write(folder, { 'clusters/orders/record': encodeRecord(later) });
  expect((await backend.list(call())).record).toEqual({ kind: 'present', record: later });
});

test('leases of an earlier boot are over, and record, store and tokens stay', async () => {
  const folder = newFolder();
  const clock = stillClock();
  const before = openLocal(folder, { boot: 'boot-1' });
  await registered(before, member('a'), call(clock));
  const committing = await held(before, attempt('a'), call(clock));
  const record = newRecord(committing.token);
  await before.unlock(committing, { ...call(clock), record });
  const grant = await held(before, attempt('a'), call(clock));
  const { store } = await before.list(call(clock));
  await before.close();

  const after = openLocal(folder, { boot: 'boot-2' });
  const list = await after.list(call(clock));
  expect(list).toMatchObject({ members: [], skipped: [], store, record: { kind: 'present', record } });
  expect(await after.unlock(grant, call(clock))).toEqual({ kind: 'lost' });
  expect((await held(after, attempt('b'), call(clock))).token).toBeGreaterThan(grant.token);
  await registered(after, member('a', { instance: 'a-2' }), call(clock));
});

test('without a name for the boot, leases of an earlier one are told by the clock', async () => {
  const folder = newFolder();
  const before = openLocal(folder, { boot: 'any-boot' });
  await registered(before, member('a'), call(stillClock(9_000_000)));
  await before.close();
  expect(await names(openLocal(folder, { boot: 'any-boot' }), call(stillClock(1_000)))).toEqual([]);
});

test('a store of another format is refused, naming both, and left as it is', async () => {
  const folder = newFolder();
  await made(folder);
  write(folder, { store: '{"format":2,"id":"later"}' });
  const before = data(folder);
  const list = openLocal(folder).list(call());
  await expect(list).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: false, outcomeUnknown: false });
  await expect(list).rejects.toThrow(/format 2; .* format 1/);
  expect(data(folder)).toEqual(before);
});

test('the LMDB store of another program is refused, and left as it is', async () => {
  const folder = newFolder();
  write(folder, { theirs: 'x' });
  const before = data(folder);
  await expect(openLocal(folder).list(call())).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: false });
  expect(data(folder)).toEqual(before);
});

test('a damaged data file is refused, and left as it is', async () => {
  const sound = newFolder();
  const backend = openLocal(sound);
  for (let each = 0; each < 20; each += 1) {
    await registered(backend, member(`n-${each}`, { metadata: { text: 'x'.repeat(3_000) } }));
  }
  await backend.close();
  const size = data(sound).length;
  const damages: ((file: string) => void)[] = [
    (file) => writeFileSync(file, Buffer.alloc(size)),
    (file) => writeFileSync(file, 'not a store'),
    (file) => truncateSync(file, 4_096),
    (file) => truncateSync(file, 4_096 * 3),
  ];
  for (const damage of damages) {
    const folder = newFolder();
    cpSync(sound, folder, { recursive: true });
    damage(join(folder, 'data.mdb'));
    const before = data(folder);
    const list = openLocal(folder).list(call());
    await expect(list).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: false });
    await expect(list).rejects.toThrow(folder);
    expect(data(folder)).toEqual(before);
  }
});

test('a file in place of the folder is refused', async () => {
  const file = join(newFolder(), 'file');
  writeFileSync(file, 'x');
  for (const folder of [file, join(file, 'inner')]) {
    await expect(openLocal(folder).list(call())).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: false });
  }
  expect(readFileSync(file, 'utf8')).toBe('x');
});

test('without permission for the folder or a file in it, the error names it', async () => {
  const folder = newFolder();
  await made(folder);
  const before = data(folder);
  const worker = await startWorker(folder);
  await ask(worker, 'becomeNobody', {});
  const list = ask(worker, 'list', {});
  await expect(list).rejects.toMatchObject({ code: 'STORE_FORBIDDEN' });
  await expect(list).rejects.toThrow(folder);
  await kill(worker);
  expect(data(folder)).toEqual(before);
});

test('a full store refuses what is new, and keeps renewing and removing', async () => {
  const folder = newFolder();
  const backend = openLocal(folder, { maxBytes: 65_536 });
  const metadata = { text: 'x'.repeat(10_000) };
  const first = await registered(backend, member('a', { metadata }));
  const fill = async () => {
    for (let each = 0; ; each += 1) await registered(backend, member(`n-${each}`, { metadata }));
  };
  await expect(fill()).rejects.toMatchObject({ code: 'STORE_FULL', retryable: true, outcomeUnknown: false });
  await expect(backend.lock(attempt('a'), call())).rejects.toMatchObject({ code: 'STORE_FULL' });
  await registered(backend, member('a', { metadata, held: first }));
  await Promise.all(
    [0, 1].map((each) => backend.unregister({ ...first, node: `n-${each}`, instance: `n-${each}-1` }, call())),
  );
  await held(backend, attempt('a'));
});

test('what a full disk cut short is not there, and the store goes on', async () => {
  const folder = newFolder();
  await made(folder);
  const worker = await startCrampedWorker(folder, 200);
  const metadata = { text: 'x'.repeat(10_000) };
  const fill = async () => {
    for (let each = 0; ; each += 1) {
      await ask(worker, 'register', { request: member(`n-${each}`, { metadata }) });
    }
  };
  // A write that reaches over the end is cut short: only a disk that says itself that it is full is told from a broken one.
  await expect(fill()).rejects.toMatchObject({ code: expect.stringMatching(/^STORE_(FULL|FAILED)$/) });
  expect((await ask(worker, 'list', {})).complete).toBe(true);
  await kill(worker);
  await registered(openLocal(folder), member('late'));
});

test('a folder that could not be opened is tried again at the next call', async () => {
  const file = join(newFolder(), 'place');
  writeFileSync(file, 'x');
  const backend = openLocal(file);
  await expect(backend.list(call())).rejects.toMatchObject({ code: 'STORE_FAILED' });
  rmSync(file);
  expect(await names(backend)).toEqual([]);
});
