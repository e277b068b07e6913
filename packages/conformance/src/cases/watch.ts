import type { MemberList } from '@autocluster/core/backend';
import { systemRuntime } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { check } from '../errors.js';
import type { Client } from '../space/client.js';
import { attemptOf, busy, entryOf, held, recordOf, registered, released } from '../space/request.js';
import type { Space } from '../space/space.js';
import { boundMs } from './lease-time.js';
import { question } from './question.js';

/** How long a watch may take to tell, or to end. */
const TELLS_WITHIN_MS = 15_000;
const ENDS_WITHIN_MS = 5000;

interface Listener {
  /** How often it was told something. */
  readonly told: () => number;
  /** Undefined while it lasts. */
  readonly end: () => 'ended' | { readonly error: unknown } | undefined;
  readonly stop: () => void;
}

function listen(client: Client): Listener {
  const controller = new AbortController();
  let told = 0;
  let end: ReturnType<Listener['end']>;
  const follow = async (hints: AsyncIterable<MemberList | 'changed'>): Promise<void> => {
    for await (const hint of hints) told += hint === undefined ? 0 : 1;
  };
  void (async () => follow(client.watch(controller.signal)))().then(
    () => void (end = 'ended'),
    (error: unknown) => void (end = { error }),
  );
  return { told: () => told, end: () => end, stop: () => controller.abort() };
}

const ended = ({ until }: Space, listener: Listener, what: string): Promise<unknown> =>
  until(`${what} ends the watch`, ENDS_WITHIN_MS, async () => listener.end());

/** A listener that is known to listen, since it has told of something. */
async function listening(space: Space, client?: Client): Promise<Listener> {
  const { two, longTtlMs, until, sleep } = space;
  const own = client ?? (await space.client());
  await own.list();
  const listener = listen(own);
  await until('the watch tells of entries that come', TELLS_WITHIN_MS, async () => {
    await registered(two, entryOf(`n-${systemRuntime.uniqueId().slice(0, 8)}`, longTtlMs));
    await sleep(250);
    return listener.told() > 0 ? true : undefined;
  });
  return listener;
}

export const WATCH_CASES: readonly Case[] = [
  question(
    'WATCH-001',
    {
      rule: 'watch.tells',
      protects: ['V2'],
      needs: ['watch', 'explicit', 'lock'],
      sentence: 'A watch tells of an entry that comes or goes, and of a record that is written.',
    },
    async (space) => {
      const { two, longTtlMs, until, sleep, capabilities } = space;
      const listener = await listening(space);
      const tells = async (what: string, change: () => Promise<unknown>): Promise<void> => {
        // What was told of earlier changes must not be taken for this one.
        await sleep(500);
        const before = listener.told();
        await change();
        await until(`the watch tells of ${what}`, TELLS_WITHIN_MS, async () =>
          listener.told() > before ? true : undefined,
        );
      };
      const entry = entryOf('a', longTtlMs);
      let registration = await registered(two, entry);
      await tells('an entry', async () => registered(two, entryOf('b', longTtlMs)));
      const becomeReady = async () => {
        registration = await registered(two, { ...entry, state: 'ready', held: registration });
      };
      if (capabilities.metadata) await tells('a change of state', becomeReady);
      await tells('an entry that goes', async () => two.unregister(registration));
      const grant = await held(two, attemptOf('a', longTtlMs));
      await tells('a record', async () => released(two, grant, recordOf(grant.token)));
      listener.stop();
      await ended(space, listener, 'its signal');
    },
  ),
  question(
    'WATCH-002',
    {
      rule: 'watch.ends',
      protects: ['V2', 'V7'],
      needs: ['watch', 'explicit'],
      sentence: 'A watch ends at its signal, and one that begins with an aborted signal at once.',
    },
    async (space) => {
      const listener = await listening(space);
      check(listener.end() === undefined, 'a watch to last', listener.end());
      listener.stop();
      await ended(space, listener, 'its signal');
      const late = listen(space.one);
      late.stop();
      await ended(space, late, 'an aborted signal');
    },
  ),
  question(
    'WATCH-003',
    {
      rule: 'watch.ends',
      protects: ['V7'],
      needs: ['watch'],
      sentence: 'close() ends a watch, also one that nobody has heard of yet.',
    },
    async (space) => {
      const own = await space.client();
      await own.list();
      const listener = listen(own);
      await own.backend.close();
      await ended(space, listener, 'close()');
      await ended(space, listen(own), 'a close() before');
    },
  ),
  question(
    'WATCH-004',
    {
      rule: 'watch.ends',
      protects: ['V2'],
      needs: ['watch', 'explicit', 'wire'],
      sentence: 'A watch whose connection breaks ends or throws, so that it is opened again.',
    },
    async (space) => {
      const own = await space.client();
      const listener = await listening(space, own);
      own.faults.refuse();
      await space.until('the broken watch ends', TELLS_WITHIN_MS, async () => listener.end());
    },
  ),
  question(
    'WATCH-005',
    {
      rule: 'watch.tells',
      protects: ['V2', 'R5'],
      needs: ['watch', 'watchesExpiry', 'explicit', 'ttl'],
      mode: 'apart',
      sentence: 'A watch tells of an entry that ends with its TTL.',
    },
    async (space) => {
      const { two, ttlMs: asked, capabilities, until, sleep } = space;
      const listener = await listening(space);
      const { ttlMs = asked } = await registered(two, entryOf('a', asked));
      // What was told of its coming must not be taken for its end.
      await sleep(ttlMs / 2);
      const before = listener.told();
      const withinMs = boundMs(capabilities.takeover.latest, ttlMs) + TELLS_WITHIN_MS;
      await until('the watch tells of the end', withinMs, async () => (listener.told() > before ? true : undefined));
      listener.stop();
    },
  ),
  question(
    'HINT-001',
    {
      rule: 'lock.released',
      protects: ['L10', 'V7'],
      needs: ['lock'],
      sentence: 'A released hint settles at its signal, and once the lock is free.',
    },
    async ({ one, two, longTtlMs, until }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const { released: hint } = await busy(two, attemptOf('b', longTtlMs));
      if (hint === undefined) return;
      const follow = () => {
        const controller = new AbortController();
        let settled = false;
        void hint(controller.signal).then(
          () => void (settled = true),
          () => void (settled = true),
        );
        return { stop: () => controller.abort(), settled: async () => settled || undefined };
      };
      const [first, second] = [follow(), follow()];
      first.stop();
      await until('the hint settles at its signal', ENDS_WITHIN_MS, first.settled);
      await released(one, grant);
      await until('the hint settles at the release', TELLS_WITHIN_MS, second.settled);
      second.stop();
    },
  ),
];
