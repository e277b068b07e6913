import type { Backend, CallOptions, Capabilities, LockOutcome, LockRequest } from '@autocluster/core/backend';
import { type Client, type ClientParts, createClient } from './client.js';
import { TTL } from './lease.js';
import { heldToken, planLock, planUnlock, refuseRecordElsewhere } from './locks.js';
import { listMembers, planRegister, planUnregister } from './members.js';
import { waitForNews } from './news.js';

const CAPABILITIES: Capabilities = {
  registration: 'explicit',
  metadata: true,
  ttl: TTL,
  listConsistency: 'linearizable',
  ordered: true,
  exclusiveNames: true,
  lock: 'fenced',
  tokenIsRevision: true,
  record: 'atomic',
  takeover: { earliest: { timesTtl: 1, plusMs: 0 }, latest: { timesTtl: 1, plusMs: 1 } },
  watch: true,
};

/** Settles when the grant with `token` is no longer in force, as far as other processes tell. */
async function released(client: Client, { name, token }: Busy, options: CallOptions, signal: AbortSignal) {
  const mine = { ...options, signal };
  const { notice } = await client.environment('released', mine);
  const waiter = waitForNews(notice, [signal, client.closed]);
  try {
    while ((await client.ask('released', mine, (view) => heldToken(view, name))) === token) {
      if (!(await waiter.next())) return;
    }
  } finally {
    waiter.stop();
  }
}

interface Busy {
  readonly name: string;
  readonly token: bigint;
}

async function lock(client: Client, request: LockRequest, options: CallOptions): Promise<LockOutcome> {
  const answer = await client.carryOut('lock', options, (view) => planLock(view, request));
  if (answer.kind !== 'busy') return answer;
  const busy = { name: request.name, token: answer.token };
  return { kind: 'busy', holder: answer.holder, released: (signal) => released(client, busy, options, signal) };
}

/** Yields `changed` when a list would show something else than before, at once if that is so already. */
async function* changes(client: Client, options: CallOptions, listed: () => number): AsyncGenerator<'changed'> {
  const environment = await client.environment('watch', options);
  const waiter = waitForNews(environment.notice, [options.signal, client.closed]);
  let told = listed();
  try {
    do {
      const { changed } = client.counters(environment);
      if (changed === told) continue;
      told = changed;
      yield 'changed';
    } while (await waiter.next());
  } finally {
    waiter.stop();
  }
}

/** A backend of checked options; tests give it another boot. */
export function createBackend(parts: ClientParts): Backend {
  const client = createClient(parts);
  let listed = -1;
  return {
    name: 'local',
    spi: 1,
    cluster: parts.config.cluster,
    capabilities: CAPABILITIES,
    register: (request, options) => client.carryOut('register', options, (view) => planRegister(view, request)),
    unregister: (registration, options) =>
      client.carryOut('unregister', options, (view) => planUnregister(view, registration)),
    list: (options) =>
      client.ask('list', options, (view, store) => {
        listed = view.counters?.changed ?? 0;
        return listMembers(view, store);
      }),
    lock: (request, options) => lock(client, request, options),
    async unlock(grant, options) {
      refuseRecordElsewhere(grant, options.record);
      return client.carryOut('unlock', options, (view) => planUnlock(view, grant, options.record));
    },
    watch: (options) => changes(client, options, () => listed),
    close: () => client.close(),
  };
}
