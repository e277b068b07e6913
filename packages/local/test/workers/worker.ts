import { randomUUID } from 'node:crypto';
import {
  type Backend,
  type CallOptions,
  type ClusterRecord,
  isClusterError,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type MemberList,
  type RegisterOutcome,
  type RegisterRequest,
  type UnlockOutcome,
} from '@autocluster/core/backend';
import { openDatabase } from '../../src/database.js';
import { local } from '../../src/index.js';
import { createTurn } from '../../src/turn.js';

const [, , folder = '', work = 'serve'] = process.argv;
const clock = { monotonicMs: () => Number(process.hrtime.bigint()) / 1e6, wallMs: () => 0 };
const backend = local({ cluster: 'orders', folder });

const options = (timeoutMs: number): CallOptions => ({ signal: AbortSignal.timeout(timeoutMs), timeoutMs, clock });

function tell(message: object): void {
  process.send?.(message);
}

/** What a worker can be asked, and what it answers. */
export interface Verbs {
  readonly register: { readonly request: RegisterRequest; readonly answer: RegisterOutcome };
  readonly list: { readonly answer: MemberList };
  readonly lock: { readonly request: LockRequest; readonly answer: LockOutcome };
  readonly unlock: { readonly request: LockGrant; readonly record?: ClusterRecord; readonly answer: UnlockOutcome };
  readonly close: { readonly answer: undefined };
  readonly becomeNobody: { readonly answer: undefined };
}

/** `atMs`: moment on the machine's clock before which it does not begin. */
export type Command = { readonly atMs?: number } & {
  [Verb in keyof Verbs]: { readonly verb: Verb } & Omit<Verbs[Verb], 'answer'>;
}[keyof Verbs];

async function carryOut(command: Command): Promise<unknown> {
  const call = options(5_000);
  switch (command.verb) {
    case 'register':
      return backend.register(command.request, call);
    case 'list':
      return backend.list(call);
    case 'lock':
      // The hint is a function, and does not go from process to process.
      return { ...(await backend.lock(command.request, call)), released: undefined };
    case 'unlock': {
      const { record, request } = command;
      return backend.unlock(request, record === undefined ? call : { ...call, record });
    }
    case 'close':
      return backend.close();
    case 'becomeNobody':
      process.setuid?.(65_534);
  }
  return undefined;
}

async function serve({ id, ...command }: Command & { readonly id: number }): Promise<void> {
  while (command.atMs !== undefined && clock.monotonicMs() < command.atMs);
  try {
    tell({ id, answer: await carryOut(command) });
  } catch (error) {
    tell({
      id,
      failure: isClusterError(error) ? { code: error.code, message: error.message } : { message: String(error) },
    });
  }
  if (command.verb === 'close') process.disconnect?.();
}

/** Takes the lock and commits, over and over, and tells of each answer. */
async function form(): Promise<void> {
  const node = `n-${process.pid}`;
  for (;;) {
    const member = { node, instance: node, identity: undefined, recordVersion: undefined, metadata: {} };
    await backend.register({ ...member, state: 'ready', ttlMs: 1_000 }, options(5_000));
    const request = { name: 'formation', node, instance: node, attempt: randomUUID(), ttlMs: 100 };
    const outcome = await backend.lock(request, options(5_000));
    if (outcome.kind !== 'held') continue;
    const { grant } = outcome;
    tell({ token: grant.token });
    const stored = grant.record?.kind === 'present' ? grant.record.record : undefined;
    const version = (stored?.version ?? 0) + 1;
    const facts = { generation: 1, createdBy: node, createdAt: '2026-01-01', size: version, idle: false, removed: [] };
    const record = { ...facts, clusterId: 'c', token: grant.token, version, settings: {}, extra: {} };
    const unlocked = await backend.unlock(grant, { ...options(5_000), record });
    if (unlocked.kind === 'released') tell({ version, under: grant.token });
  }
}

/** Stops for good in the middle of a transaction, half of which is written. */
function hold(): void {
  createTurn(folder).attempt(() => {
    openDatabase(folder).transact((transaction) => {
      transaction.write([{ key: 'clusters/orders/record', value: 'half' }]);
      tell({ holding: true });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
  });
}

/** Writes a number in its own entry, and looks whether it is there. */
async function writeAndLook(store: Backend, number: number): Promise<void> {
  const node = `n-${process.pid}`;
  const metadata = { number: `${number}` };
  const entry = { node, instance: node, identity: undefined, recordVersion: undefined, metadata };
  const outcome = await store.register({ ...entry, state: 'ready', ttlMs: 60_000 }, options(5_000));
  const { members } = await store.list(options(5_000));
  const seen = members.find((member) => member.node === node)?.metadata['number'];
  if (outcome.kind !== 'registered' || seen !== metadata.number) throw new Error(`wrote ${number}, sees ${seen}`);
}

/** Keeps the folder open, and counts. */
async function count(): Promise<void> {
  for (let number = 1; ; number += 1) {
    await writeAndLook(backend, number);
    tell({ number });
  }
}

/** Opens the folder, writes, and closes it, over and over. */
async function visit(): Promise<void> {
  for (let number = 1; ; number += 1) {
    const store = local({ cluster: 'orders', folder });
    await writeAndLook(store, number);
    await store.close();
    tell({ number });
  }
}

const works: Readonly<Record<string, () => Promise<void> | void>> = { form, hold, count, visit };

async function workOn(): Promise<void> {
  try {
    await works[work]?.();
  } catch (error) {
    tell({ broken: String(error) });
  }
}

if (work === 'serve') process.on('message', (command: Command & { readonly id: number }) => void serve(command));
tell({ ready: true });
void workOn();
