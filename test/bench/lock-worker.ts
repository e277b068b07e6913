import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { withLock } from '@autocluster/core';
import { EtcdLockFailedError } from 'etcd3';
import { nowMs, openBackend, type Place } from './place.ts';
import type { Commands, LockWay } from './protocol.ts';
import { openRaw } from './raw-etcd.ts';

/** Takes the lock, tells when it has it, and lets go when it is told to. */
interface Contender {
  /** Settles with the time at which the work under the lock began. */
  take(): Promise<number>;
  give(): Promise<void>;
  close(): Promise<void>;
}

const NAME = 'bench-handoff';
const POLL_MS = 50;
const TTL_SECONDS = 60;

function byWithLock(place: Place): Contender {
  const backend = openBackend(place, 'handoff');
  const options = { ttlMs: TTL_SECONDS * 1000, waitMs: 'unlimited', owner: `p${process.pid}` } as const;
  let finish: () => void = () => undefined;
  let running: Promise<void> = Promise.resolve();
  return {
    take: () =>
      new Promise((resolve, reject) => {
        running = withLock(backend, NAME, options, async () => {
          resolve(nowMs());
          await new Promise<void>((done) => (finish = done));
        });
        running.catch(reject);
      }),
    async give() {
      finish();
      await running;
    },
    close: () => backend.close(),
  };
}

function hostOf(place: Place): string {
  if (place.store === 'etcd') return place.host;
  throw new RangeError('only for etcd');
}

function byPolling(place: Place): Contender {
  const raw = openRaw(hostOf(place));
  const { etcd } = raw;
  let lock = etcd.lock(`bench/${NAME}-polled`).ttl(TTL_SECONDS);
  return {
    async take() {
      for (;;) {
        lock = etcd.lock(`bench/${NAME}-polled`).ttl(TTL_SECONDS);
        try {
          await lock.acquire();
          return nowMs();
        } catch (error) {
          if (!(error instanceof EtcdLockFailedError)) throw error;
          await delay(POLL_MS);
        }
      }
    },
    async give() {
      await lock.release();
    },
    close: async () => raw.close(),
  };
}

/** The least there is: a lease that is granted beforehand, one transaction, a watch, and the transaction again. */
function byRawWatch(place: Place): Contender {
  const raw = openRaw(hostOf(place));
  const key = `bench/${NAME}-raw`;
  const lease = raw.grant(600);
  return {
    async take() {
      for (;;) {
        const { created, revision } = await raw.create(key, await lease);
        if (created) return nowMs();
        await raw.deleted(key, revision + 1n);
      }
    },
    give: () => raw.remove(key),
    close: async () => raw.close(),
  };
}

/** The command line holds the lock while a command of ours runs: until its input ends. */
function byConsulLock(place: Place): Contender {
  if (place.store !== 'consul') throw new RangeError('only for Consul');
  const { host, program } = place;
  let end = async (): Promise<void> => undefined;
  return {
    async take() {
      const args = ['lock', '-pass-stdin', '-http-addr', host, `bench/${NAME}-command`, 'echo inside; read -r _'];
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      end = async () => {
        child.stdin.end('\n');
        await exited;
      };
      await Promise.race([
        once(child.stdout, 'data'),
        exited.then(([code]) => Promise.reject(new Error(`consul lock ended with ${code} before it had the lock`))),
      ]);
      return nowMs();
    },
    give: () => end(),
    close: () => end(),
  };
}

const WAYS: Record<LockWay, (place: Place) => Contender> = {
  withLock: byWithLock,
  'etcd3-polling': byPolling,
  'raw-watch': byRawWatch,
  'consul lock': byConsulLock,
};

type LockCommand = 'open-lock' | 'take-lock' | 'give-lock' | 'close-lock';

export function createLocks(): { [K in LockCommand]: (ask: Commands[K]['ask']) => Promise<Commands[K]['answer']> } {
  let contender: Contender | undefined;
  const opened = (): Contender => {
    if (contender === undefined) throw new RangeError('open-lock comes first');
    return contender;
  };
  return {
    async 'open-lock'({ place, way }) {
      contender = WAYS[way](place);
    },
    'take-lock': async () => ({ atMs: await opened().take() }),
    async 'give-lock'() {
      const atMs = nowMs();
      await opened().give();
      return { atMs };
    },
    async 'close-lock'() {
      await opened().close();
      contender = undefined;
    },
  };
}
