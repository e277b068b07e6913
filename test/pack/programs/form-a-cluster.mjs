// Run in a project that has installed the packages: three nodes form one cluster on the embedded store, and leave it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClusterNode, isClusterError, processDriver, withLock } from '@autocluster/core';
import { local } from '@autocluster/local';

const folder = mkdtempSync(join(tmpdir(), 'autocluster-'));
const store = () => local({ cluster: 'demo', folder });
const nodes = ['a', 'b', 'c'].map((node) =>
  createClusterNode({ backend: store(), driver: processDriver({ node }), ttlMs: 3_000 }),
);
await Promise.all(nodes.map((node) => node.start()));
const clusters = new Set(nodes.map(({ state }) => state.identity.clusterId));
assert.equal(clusters.size, 1);
assert.equal(nodes.filter(({ state }) => state.role === 'creator').length, 1);

const backend = store();
assert.equal(await withLock(backend, 'job', {}, async ({ token }) => typeof token), 'bigint');
await backend.close();
await Promise.all(nodes.map((node) => node.stop()));
await assert.rejects(nodes[0].start(), (error) => isClusterError(error, 'CLOSED'));
rmSync(folder, { recursive: true });
