// Plain JavaScript, so that nothing but the library and Node.js itself is in the process that is measured.
import { setTimeout as delay } from 'node:timers/promises';

/** @typedef {import('./idle-figures.ts').IdleFigures} IdleFigures */
/** @typedef {import('./idle-figures.ts').IdleTask} IdleTask */

const VERBS = ['register', 'unregister', 'list', 'lock', 'unlock'];

/** @type {IdleTask} */
const task = JSON.parse(process.argv[2] ?? '{}');
let exchanges = 0;

/**
 * The same backend, which counts its exchanges.
 *
 * @param {import('@autocluster/core').Backend} backend
 * @returns {import('@autocluster/core').Backend}
 */
function counting(backend) {
  return new Proxy(backend, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (/** @type {unknown[]} */ ...args) => {
        if (VERBS.includes(String(name))) exchanges += 1;
        return Reflect.apply(value, target, args);
      };
    },
  });
}

/** @param {NonNullable<IdleTask['place']>} place */
async function form(place) {
  const { createClusterNode, processDriver } = await import('@autocluster/core');
  const open = await opener(place);
  const nodes = Array.from({ length: task.nodes }, (_, index) =>
    createClusterNode({
      backend: counting(open()),
      driver: processDriver({ node: `node-${index + 1}` }),
      onEvent: () => undefined,
    }),
  );
  await Promise.all(nodes.map((node) => node.start()));
}

/** @param {NonNullable<IdleTask['place']>} place */
async function opener(place) {
  const cluster = 'idle';
  if (place.store === 'etcd') {
    const { etcd } = await import('@autocluster/etcd');
    return () => etcd({ cluster, hosts: place.host });
  }
  if (place.store === 'consul') {
    const { consul } = await import('@autocluster/consul');
    return () => consul({ cluster, hosts: place.host });
  }
  const { local } = await import('@autocluster/local');
  return () => local({ cluster, folder: place.folder });
}

/** @returns {Record<string, number>} */
function alive() {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function rssMb() {
  globalThis.gc?.();
  return Math.round((process.memoryUsage.rss() / 1024 / 1024) * 10) / 10;
}

if (task.place) await form(task.place);
await delay(task.settleMs);
process.send?.('settled');
const before = { exchanges, cpu: process.cpuUsage(), atMs: performance.now() };
await delay(task.watchMs);
const { user, system } = process.cpuUsage(before.cpu);
const minutes = (performance.now() - before.atMs) / 60_000;
/** @type {IdleFigures} */
const figures = {
  rssMb: rssMb(),
  alive: alive(),
  cpuMsPerMinute: Math.round(((user + system) / 1000 / minutes) * 10) / 10,
  exchangesPerMinute: Math.round(((exchanges - before.exchanges) / minutes) * 10) / 10,
};
process.send?.(figures, undefined, undefined, () => process.exit());
