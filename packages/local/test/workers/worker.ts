import { randomUUID } from 'node:crypto';
import type { Backend, CallOptions } from '@autocluster/core/backend';
import { local } from '../../src/index.js';

const [, , folder = '', work = 'serve'] = process.argv;
const clock = { monotonicMs: () => Number(process.hrtime.bigint()) / 1e6, wallMs: () => 0 };
const backend = local({ cluster: 'orders', folder });

const options = (timeoutMs: number): CallOptions => ({ signal: AbortSignal.timeout(timeoutMs), timeoutMs, clock });

function tell(message: object): void {
  process.send?.(message);
}

export interface Command {
  readonly id: number;
  readonly verb: 'register' | 'list' | 'lock' | 'unlock' | 'close' | 'becomeNobody';
  readonly request?: never;
  readonly record?: never;
  /** Moment on the machine's clock before which it does not begin. */
  readonly atMs?: number;
  readonly timeoutMs?: number;
}

async function carryOut({ verb, request, record, timeoutMs = 5_000 }: Command): Promise<unknown> {
  const call = options(timeoutMs);
  if (verb === 'becomeNobody') return process.setuid?.(65_534);
  if (verb === 'close') return backend.close();
  if (verb === 'list') return backend.list(call);
  if (verb === 'unlock') return backend.unlock(request as never, record === undefined ? call : { ...call, record });
  const chosen: Pick<Backend, 'register' | 'lock'> = backend;
  // The hint is a function, and does not go from process to process.
  return { ...(await chosen[verb](request as never, call)), released: undefined };
}

async function serve(command: Command): Promise<void> {
  while (command.atMs !== undefined && clock.monotonicMs() < command.atMs);
  try {
    tell({ id: command.id, answer: await carryOut(command) });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    tell({ id: command.id, failure: { code, message } });
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

if (work === 'form') void form().catch((error: unknown) => tell({ broken: String(error) }));
else process.on('message', (command: Command) => void serve(command));
tell({ ready: true });
