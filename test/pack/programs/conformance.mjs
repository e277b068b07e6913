// Run in a project that has installed the packages: the kit asks the embedded store, and its command lists the cases.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backendSubject, CASES, runBackendCases } from '@autocluster/conformance';
import { local } from '@autocluster/local';

const folder = mkdtempSync(join(tmpdir(), 'autocluster-'));
const subject = backendSubject({
  name: 'local',
  wire: { kind: 'none', because: 'the store is a file' },
  client: ({ cluster }) => local({ cluster, folder }),
  operator: () => ({ inventory: async () => [] }),
});
const { ok, counts } = await runBackendCases(subject, { only: ['BIND', 'LOCK-001', 'UNLOCK-003'] });
assert.equal(ok, true);
assert.equal(counts.passed, 11);
rmSync(folder, { recursive: true });

const home = join('node_modules', '@autocluster', 'conformance');
const { bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
const command = join(home, bin['autocluster-conformance']);
const listed = execFileSync(process.execPath, [command, '--list'], { encoding: 'utf8' });
assert.equal(listed.split('\n').filter((line) => /^[A-Z]+-\d{3} /.test(line)).length > CASES.length, true);
