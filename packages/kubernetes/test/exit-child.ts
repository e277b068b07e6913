/** Run as a process of its own by exit.test.ts: uses a backend, closes it, and then has nothing left to do. */
import { systemClock } from '@autocluster/core/runtime';
import { kubernetes } from '@autocluster/kubernetes';

const [kind = '', server = '', cluster = '', ca = '', token = ''] = process.argv.slice(2);
const call = (timeoutMs = 1500) => ({ signal: new AbortController().signal, timeoutMs, clock: systemClock });
const backend = kubernetes({ cluster, server, token, tls: { ca }, owner: 'none' });
const entry = { node: 'n', instance: 'i', state: 'ready', identity: undefined, recordVersion: undefined } as const;
const lock = { name: 'formation', node: 'n', instance: 'i', attempt: 'a', ttlMs: 30_000 };

async function use(): Promise<void> {
  const outcome = await backend.register({ ...entry, metadata: {}, ttlMs: 30_000 }, call());
  if (outcome.kind !== 'registered') throw new Error('not registered');
  await backend.register({ ...entry, metadata: {}, ttlMs: 30_000, held: outcome.registration }, call());
  const grant = await backend.lock(lock, call());
  if (grant.kind === 'held') await backend.lock({ ...lock, held: grant.grant }, call());
  await backend.list(call());
}

if (kind === 'used' || kind === 'busy') await use();
if (kind === 'busy') {
  const watch = backend.watch?.(call())[Symbol.asyncIterator]();
  void watch?.next();
  const other = await backend.lock({ ...lock, attempt: 'b' }, call());
  if (other.kind === 'busy') void other.released?.(new AbortController().signal);
  void backend.list(call()).catch(() => undefined);
}
if (kind === 'idle') await backend.list(call());
if (kind === 'failing') {
  await Promise.allSettled([backend.list(call()), backend.lock(lock, call())]);
  void backend.list(call()).catch(() => undefined);
}
if (kind !== 'unused') {
  await backend.close();
  process.stdout.write('closed\n');
}
