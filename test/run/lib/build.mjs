import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';
import { hashOf, isStamped, stamp } from './stamp.mjs';
import { readPackages, tool, top } from './workspace.mjs';

const SHARED = ['.config/tsup.ts', 'tsconfig.base.json', 'pnpm-lock.yaml', 'LICENSE'].map((path) => join(top, path));
const OWN = ['src', 'package.json', 'tsup.config.ts', 'tsconfig.json'];

const stampName = ({ name }) => `build-${name.replace('/', '-')}`;

/** Changes with the sources, with what the packages below it were built from, and with the result itself. */
function stateOf({ folder, dependencies }, states) {
  const below = dependencies.map((name) => states.get(name));
  return hashOf(
    [...SHARED, ...OWN.map((name) => join(folder, name)), join(folder, 'dist'), join(folder, 'LICENSE')],
    ...below,
  );
}

const isBuilt = (found, states) =>
  existsSync(join(found.folder, 'dist')) && isStamped(stampName(found), stateOf(found, states));

async function buildOne(found, states, onLine) {
  if (isBuilt(found, states)) {
    states.set(found.name, stateOf(found, states));
    return { ok: true, built: false };
  }
  copyFileSync(join(top, 'LICENSE'), join(found.folder, 'LICENSE'));
  const result = await run(tool('tsup', 'tsup'), { cwd: found.folder });
  if (!result.ok) {
    for (const line of result.output) onLine(`${found.name} | ${line}`);
    return { ok: false, built: true };
  }
  const state = stateOf(found, states);
  states.set(found.name, state);
  stamp(stampName(found), state);
  onLine(`built ${found.name} in ${(result.tookMs / 1000).toFixed(1)} s`);
  return { ok: true, built: true };
}

/** Builds what has changed, each package as soon as those below it are there. */
export async function build({ packages = readPackages(), onLine = console.log } = {}) {
  const states = new Map();
  const results = new Map();
  for (const found of packages) {
    const below = found.dependencies.map((name) => results.get(name));
    results.set(
      found.name,
      Promise.all(below).then((done) =>
        done.every(({ ok }) => ok) ? buildOne(found, states, onLine) : { ok: false, built: false },
      ),
    );
  }
  const all = await Promise.all(results.values());
  return { ok: all.every(({ ok }) => ok), built: all.filter(({ built }) => built).length, total: packages.length };
}
