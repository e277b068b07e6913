import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { moduleCache, moduleFolder } from './locate.mjs';
import { modules, recipes } from './recipes.mjs';

const PROGRESS_EVERY_MS = 30_000;
const ABANDONED_AFTER_MS = 6 * 3600_000;
const UNFINISHED = '.building-';

const minutes = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')}`;

/** Folders of builds that were killed; a running one is younger, whoever runs it. */
function removeAbandoned(cache) {
  for (const entry of readdirSync(cache)) {
    const folder = join(cache, entry);
    const age = entry.startsWith(UNFINISHED) ? Date.now() - statSync(folder).mtimeMs : 0;
    if (age > ABANDONED_AFTER_MS) rmSync(folder, { recursive: true, force: true });
  }
}

// Output of `go build -v`: a line per compiled package, and whatever went wrong. `readonly`: the committed go.sum decides.
function goBuild(module, names, target, log) {
  const packages = names.map((name) => recipes[name].packagePath);
  const flags = ['-v', '-mod=readonly', '-buildvcs=false', `-ldflags=${modules[module].linkerFlags}`];
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn('go', ['build', ...flags, '-o', `${target}/`, ...packages], {
      cwd: moduleFolder(module),
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const lastLines = [];
    let compiled = 0;
    createInterface({ input: child.stderr }).on('line', (line) => {
      compiled += 1;
      lastLines.push(line);
      if (lastLines.length > 30) lastLines.shift();
    });
    const progress = setInterval(() => {
      log(
        `still building ${names.join(' and ')}: ${minutes(performance.now() - started)} so far, ${compiled} packages`,
      );
    }, PROGRESS_EVERY_MS);
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(progress);
      if (code === 0) resolve();
      else reject(new Error(`go build of ${names.join(', ')} ended with ${code}:\n${lastLines.join('\n')}`));
    });
  });
}

/** Builds beside the final place and renames, so that another provisioner sees a whole binary or none. */
export async function buildModule(module, names, log, env = process.env) {
  const cache = moduleCache(module, env);
  mkdirSync(cache, { recursive: true });
  removeAbandoned(cache);
  const unfinished = mkdtempSync(join(cache, UNFINISHED));
  try {
    await goBuild(module, names, unfinished, log);
    for (const name of names) renameSync(join(unfinished, recipes[name].built), join(cache, name));
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
