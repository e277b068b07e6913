import { CLEANUP_LOCK } from '@autocluster/core/backend';
import { expect, test } from 'vitest';
import { attempt, busy, call, held, names, newFolder, newRecord, openLocal, stillClock } from './support.js';

test('one holder at a time, and busy names it and leaves nothing behind', async () => {
  const folder = newFolder();
  const [one, two] = [openLocal(folder), openLocal(folder)];
  const grant = await held(one, attempt('a'));
  const before = await two.list(call());
  expect(await busy(two, attempt('b'))).toMatchObject({ holder: 'a' });
  expect(await two.list(call())).toEqual(before);
  expect(await one.unlock(grant, call())).toEqual({ kind: 'released' });
  expect((await held(two, attempt('b'))).token).toBeGreaterThan(grant.token);
});

test('a repeat of an attempt answers the same grant and extends it', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const request = attempt('a', { ttlMs: 1_000 });
  const grant = await held(backend, request, call(clock));
  clock.pass(900);
  expect(await held(backend, request, call(clock))).toEqual(grant);
  clock.pass(900);
  await busy(backend, attempt('b'), call(clock));
});

test('the same instance with another attempt is busy', async () => {
  const backend = openLocal(newFolder());
  await held(backend, attempt('a'));
  expect(await busy(backend, attempt('a'))).toMatchObject({ holder: 'a' });
});

test('a renewal extends, and a lock whose holder died is free after its TTL', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const request = attempt('a', { ttlMs: 1_000 });
  const grant = await held(backend, request, call(clock));
  clock.pass(900);
  expect(await held(backend, { ...request, held: grant }, call(clock))).toMatchObject({ token: grant.token });
  clock.pass(999);
  await busy(backend, attempt('b'), call(clock));
  clock.pass(1);
  expect((await held(backend, attempt('b'), call(clock))).token).toBeGreaterThan(grant.token);
  expect(await backend.lock({ ...request, held: grant }, call(clock))).toEqual({ kind: 'lost' });
});

test('an expired grant is lost to renewal and release, even if nobody took it', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const request = attempt('a', { ttlMs: 1_000 });
  const grant = await held(backend, request, call(clock));
  clock.pass(1_000);
  expect(await backend.lock({ ...request, held: grant }, call(clock))).toEqual({ kind: 'lost' });
  expect(await backend.unlock(grant, call(clock))).toEqual({ kind: 'lost' });
  const record = newRecord(grant.token);
  expect(await backend.unlock(grant, { ...call(clock), record })).toEqual({ kind: 'lost' });
  expect((await backend.list(call(clock))).record).toEqual({ kind: 'absent' });
});

test('a renewal after a release is lost, and a release never touches a newer grant', async () => {
  const backend = openLocal(newFolder());
  const request = attempt('a');
  const grant = await held(backend, request);
  await backend.unlock(grant, call());
  expect(await backend.lock({ ...request, held: grant }, call())).toEqual({ kind: 'lost' });
  await held(backend, attempt('b'));
  expect(await backend.unlock(grant, call())).toEqual({ kind: 'lost' });
  await busy(backend, attempt('c'));
});

test('tokens only grow: across holders, expiry, release, deletion and a new start', async () => {
  const clock = stillClock();
  const folder = newFolder();
  const tokens: bigint[] = [];
  for (let round = 0; round < 5; round += 1) {
    const backend = openLocal(folder);
    const released = await held(backend, attempt('a'), call(clock));
    await backend.unlock(released, call(clock));
    const expired = await held(backend, attempt('b', { ttlMs: 1_000 }), call(clock));
    clock.pass(1_000);
    tokens.push(released.token, expired.token);
    await backend.close();
  }
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => Number(a - b)));
});

test('the record is committed with the release, and shown by lists, grants and registrations', async () => {
  const backend = openLocal(newFolder());
  const grant = await held(backend, attempt('a'));
  expect(grant.record).toEqual({ kind: 'absent' });
  const record = newRecord(grant.token, { extra: { later: [1] }, settings: { 'cleanup.paused': 'yes' } });
  expect(await backend.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
  const present = { kind: 'present', record };
  expect((await backend.list(call())).record).toEqual(present);
  expect((await held(backend, attempt('b'))).record).toEqual(present);
  expect(await names(backend)).toEqual([]);
});

test('a repeated commit answers released once the record is stored, by whomever the lock is held since', async () => {
  const backend = openLocal(newFolder());
  const grant = await held(backend, attempt('a'));
  const record = newRecord(grant.token);
  await backend.unlock(grant, { ...call(), record });
  expect(await backend.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
  await held(backend, attempt('b'));
  expect(await backend.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
  const other = newRecord(grant.token, { clusterId: 'c-2' });
  expect(await backend.unlock(grant, { ...call(), record: other })).toEqual({ kind: 'lost' });
});

test('a holder whose lock passed to another commits nothing', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const old = await held(backend, attempt('a', { ttlMs: 1_000 }), call(clock));
  clock.pass(1_000);
  const young = await held(backend, attempt('b'), call(clock));
  const late = { ...call(clock), record: newRecord(old.token) };
  expect(await backend.unlock(old, late)).toEqual({ kind: 'lost' });
  expect((await backend.list(call(clock))).record).toEqual({ kind: 'absent' });
  expect(await backend.unlock(young, { ...call(clock), record: newRecord(young.token) })).toEqual({ kind: 'released' });
});

test('a record belongs to the formation lock', async () => {
  const backend = openLocal(newFolder());
  const grant = await held(backend, attempt('a', { name: CLEANUP_LOCK }));
  expect(grant.record).toBeUndefined();
  const unlocking = backend.unlock(grant, { ...call(), record: newRecord(grant.token) });
  await expect(unlocking).rejects.toMatchObject({ code: 'UNSUPPORTED', operation: 'unlock' });
  await busy(backend, attempt('b', { name: CLEANUP_LOCK }));
  await held(backend, attempt('b'));
});

test('locks and registrations of one name do not meet', async () => {
  const backend = openLocal(newFolder());
  await held(backend, attempt('a', { name: 'a' }));
  expect(await names(backend)).toEqual([]);
});
