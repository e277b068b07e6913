import { type Latency, memoryStore, type MemoryStoreOptions, simulateTime } from '@autocluster/testing';
import { acquireLockIn, type LockHandle, type LockOptions, withLockIn } from '../../src/lock/index.js';

/** A store, and as many processes around it as a test asks for. */
export function world(options: Omit<MemoryStoreOptions, 'runtime' | 'seed'> = {}) {
  const time = simulateTime({ seed: 1 });
  const store = memoryStore({ runtime: time.runtime, seed: 1, ...options });
  function process(id: string, latency: Latency = {}) {
    const runtime = time.process();
    const client = store.client({ cluster: 'c', id, runtime, latency });
    const acquire = (name: string, given: LockOptions = {}) =>
      acquireLockIn(runtime, client, name, { owner: id, ...given });
    const under = <T>(name: string, run: (lock: LockHandle) => Promise<T>, given: LockOptions = {}) =>
      withLockIn(runtime, client, name, { owner: id, ...given }, run);
    return { runtime, client, acquire, under, faults: store.faults(id) };
  }
  const kinds = () => store.history.map(({ kind }) => kind);
  return { time, store, process, kinds, locks: () => store.cluster('c').inspect().locks };
}
