import { setTimeout as delay } from 'node:timers/promises';
import { type ClusterNode, createClusterNode, processDriver } from '@autocluster/core';
import type { Backend } from '@autocluster/core/backend';
import { type Counts, counting, noCounts, sumOfCounts } from './counting.ts';
import { callOptions, nowMs, openBackend, type Place, sleepUntil } from './place.ts';
import type { Commands, Formed } from './protocol.ts';
import { formSerially } from './serial.ts';

interface Prepared {
  readonly backend: Backend;
  readonly node: ClusterNode;
  readonly counts: Counts;
}

/** A node whose client is connected already: what is measured is formation, not the making of connections. */
async function prepare(place: Place, cluster: string, name: string, joinMs: number): Promise<Prepared> {
  const counts = noCounts();
  const backend = counting(openBackend(place, cluster), counts);
  await backend.list(callOptions());
  counts.list = 0;
  const work = async () => {
    if (joinMs > 0) await delay(joinMs);
  };
  const driver = processDriver({ node: name, onCreate: work, onJoin: work });
  return { backend, node: createClusterNode({ backend, driver, onEvent: () => undefined }), counts };
}

async function formAll(prepared: readonly Prepared[], atMs: number): Promise<Formed> {
  await sleepUntil(atMs);
  const cpu = process.cpuUsage();
  const firstStartMs = nowMs();
  const formed = await Promise.all(
    prepared.map(async ({ node }) => {
      await node.start();
      return nowMs();
    }),
  );
  const { user, system } = process.cpuUsage(cpu);
  return {
    firstStartMs,
    lastFormedMs: Math.max(...formed),
    exchanges: sumOfCounts(prepared.map(({ counts }) => counts)),
    cpuMs: (user + system) / 1000,
  };
}

type FormationCommand = 'prepare-nodes' | 'form-cluster' | 'drop-nodes' | 'form-serially';

export function createFormations(): {
  [K in FormationCommand]: (ask: Commands[K]['ask']) => Promise<Commands[K]['answer']>;
} {
  let prepared: readonly Prepared[] = [];
  return {
    async 'prepare-nodes'({ place, cluster, names, joinMs }) {
      prepared = await Promise.all(names.map((name) => prepare(place, cluster, name, joinMs)));
    },
    'form-cluster': ({ atMs }) => formAll(prepared, atMs),
    async 'drop-nodes'() {
      await Promise.all(prepared.map(({ node }) => node.stop()));
      prepared = [];
    },
    'form-serially': async ({ place, cluster, names, joinMs }) => ({
      tookMs: await formSerially(place, cluster, names, joinMs),
    }),
  };
}
