// Run in a project that has installed the packages: three nodes form one cluster on the embedded store, and leave it.
const assert = require('node:assert/strict');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { createClusterNode, isClusterError, processDriver, withLock } = require('@autocluster/core');
const { local } = require('@autocluster/local');

async function main() {
  const folder = mkdtempSync(path.join(tmpdir(), 'autocluster-'));
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
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
