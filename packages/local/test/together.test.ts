import { expect, test } from 'vitest';
import { attempt, call, held, member, newFolder, newRecord, openLocal, registered, stillClock } from './support.js';

const CLIENTS = 20;

function openMany(folder = newFolder()) {
  return Array.from({ length: CLIENTS }, () => openLocal(folder));
}

test('of many clients of one process that ask at once, one gets the lock, and the others learn of it', async () => {
  const clients = openMany();
  for (let round = 0; round < 20; round += 1) {
    const asked = clients.map((client, index) => client.lock(attempt(`n-${index}`), call()));
    const outcomes = await Promise.all(asked);
    const grants = outcomes.flatMap((outcome) => (outcome.kind === 'held' ? [outcome.grant] : []));
    expect(grants).toHaveLength(1);
    const busy = outcomes.flatMap((outcome) => (outcome.kind === 'busy' ? [outcome.holder] : []));
    expect(new Set(busy).size).toBe(1);
    const [first] = clients;
    await Promise.all(grants.map((grant) => first?.unlock(grant, call()) ?? Promise.resolve(undefined)));
  }
});

test('of many instances of one name that register at once, one is registered', async () => {
  const clients = openMany();
  const asked = clients.map((client, index) => client.register(member('a', { instance: `i-${index}` }), call()));
  const outcomes = await Promise.all(asked);
  expect(outcomes.filter(({ kind }) => kind === 'registered')).toHaveLength(1);
});

test('what is written together has an order each, and is shown all at once by nothing but its lists', async () => {
  const [first, ...others] = openMany();
  if (first === undefined) return;
  const made = await Promise.all([first, ...others].map((client, index) => registered(client, member(`n-${index}`))));
  expect(new Set(made.map(({ order }) => order)).size).toBe(CLIENTS);
  const { members, revision } = await first.list(call());
  expect(members).toHaveLength(CLIENTS);
  expect(revision).toBe(BigInt(CLIENTS));
});

test('a verb sees what the one before it writes in the same breath', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const grant = await held(backend, attempt('a'), call(clock));
  const record = newRecord(grant.token);
  const [unlocked, repeated, next, listed] = await Promise.all([
    backend.unlock(grant, { ...call(clock), record }),
    backend.unlock(grant, { ...call(clock), record }),
    backend.lock(attempt('b'), call(clock)),
    backend.register(member('a'), call(clock)),
  ]);
  expect([unlocked, repeated]).toEqual([{ kind: 'released' }, { kind: 'released' }]);
  expect(next).toMatchObject({ kind: 'held', grant: { record: { kind: 'present', record } } });
  expect(listed).toMatchObject({ kind: 'registered', record: { kind: 'present', record } });
});

test('one that fails or is aborted leaves the others alone', async () => {
  const backend = openLocal(newFolder());
  await backend.list(call());
  const controller = new AbortController();
  const verbs = [
    backend.register(member('a'), call()),
    backend.register(member('b'), call(undefined, controller.signal)),
    backend.register(member('c'), call()),
  ];
  controller.abort();
  const [a, b, c] = await Promise.allSettled(verbs);
  expect([a?.status, b?.status, c?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('many calls of one backend at once do not make Node warn of a leak', async () => {
  const warnings: string[] = [];
  const note = (warning: Error) => warnings.push(warning.name);
  process.on('warning', note);
  try {
    const backend = openLocal(newFolder());
    await Promise.all(Array.from({ length: 30 }, (_, index) => registered(backend, member(`n${index}`))));
    // Node tells of a warning one turn later.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', note);
  }
  expect(warnings).toEqual([]);
});
