import { createClusterNode, processDriver } from '@autocluster/core';
import { memoryStore } from '@autocluster/testing';
import type { BenchOptions } from './options.ts';
import { progress } from './progress.ts';
import { type Summary, summaryOf } from './statistics.ts';
import { table } from './table.ts';

export interface CleanupResult {
  readonly members: number;
  readonly missing: number;
  /** One whole tick: the list, the daemon, what earlier looks prove, and the plan. */
  readonly tickMs: Summary;
  readonly microsecondsPerMember: number;
}

/** One member in a hundred is away. */
const SHARE_MISSING = 0.01;

/** A node in a cluster of so many members, all of them simulated: a store in memory, entries that never expire. */
async function measureTicks(members: number, rounds: number): Promise<CleanupResult> {
  const store = memoryStore();
  const node = createClusterNode({
    backend: store.client({ cluster: 'bench' }),
    driver: processDriver({ node: 'executor', onForget: () => undefined }),
    cleanup: { mode: 'report', intervalMs: 600_000 },
    refreshMs: 3_600_000,
    onEvent: () => undefined,
  });
  await node.start();
  try {
    if (node.state.kind !== 'formed') throw new RangeError('not formed');
    const { identity } = node.state;
    const names = Array.from({ length: members - 1 }, (_, index) => `member-${index}`);
    const space = store.cluster('bench');
    space.insertMembers(names.map((node) => ({ node, instance: `${node}#1`, identity })));
    await node.cleanup.plan();
    const missing = names.slice(0, Math.floor(members * SHARE_MISSING));
    for (const name of missing) space.deleteMember(name);
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const startedAtMs = performance.now();
      const { candidates } = await node.cleanup.plan();
      times.push(performance.now() - startedAtMs);
      if (candidates.length !== missing.length)
        throw new RangeError(`${candidates.length} of ${missing.length} are missing`);
    }
    const tickMs = summaryOf(times);
    const microsecondsPerMember = Math.round((tickMs.median * 100_000) / members) / 100;
    return { members, missing: missing.length, tickMs, microsecondsPerMember };
  } finally {
    await node.stop();
  }
}

export async function measureCleanup({ members, rounds }: BenchOptions): Promise<readonly CleanupResult[]> {
  const results: CleanupResult[] = [];
  for (const count of members) {
    progress(`cleanup: ${count} members`);
    results.push(await measureTicks(count, Math.max(rounds, 5)));
  }
  return results;
}

export function cleanupTable(results: readonly CleanupResult[]): string {
  const rows = results.map(({ members, missing, tickMs, microsecondsPerMember }) => [
    members,
    missing,
    tickMs.median,
    tickMs.max,
    microsecondsPerMember,
  ]);
  const head = ['members', 'missing', 'median ms', 'max ms', 'µs a member'];
  return table('One tick of cleanup, members simulated: linear when the last column stays', head, rows);
}
