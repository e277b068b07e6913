import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';
import { hashOf, isStamped, stamp } from './stamp.mjs';
import { seconds } from './time.mjs';
import { readPackages, tool, top } from './workspace.mjs';

const SHARED = ['.config/tsup.ts', 'tsconfig.base.json', 'pnpm-lock.yaml', 'LICENSE'].map((path) => join(top, path));
const OWN = ['src', 'package.json', 'tsup.config.ts', 'tsconfig.json'];

const stampName = ({ name }, types) => `build-${types ? '' : 'untyped-'}${name.replace('/', '-')}`;

/** Changes with the sources, with what the packages below it were built from, and with the result itself. */
function stateOf({ folder, dependencies }, states) {
  const below = dependencies.map((name) => states.get(name));
  const own = [...OWN, 'dist', 'LICENSE'].map((name) => join(folder, name));
  return hashOf([...SHARED, ...own], ...below);
}

/** A build with types is one without them too. */
function isBuilt(found, types, state) {
  if (!existsSync(join(found.folder, 'dist'))) return false;
  return isStamped(stampName(found, true), state) || (!types && isStamped(stampName(found, false), state));
}

async function buildOne(found, states, { types, onLine }) {
  states.set(found.name, stateOf(found, states));
  if (isBuilt(found, types, states.get(found.name))) return { ok: true, built: false };
  copyFileSync(join(top, 'LICENSE'), join(found.folder, 'LICENSE'));
  const result = await run([...tool('tsup', 'tsup'), ...(types ? [] : ['--no-dts'])], { cwd: found.folder });
  if (!result.ok) {
    for (const line of result.output) onLine(`${found.name} | ${line}`);
    return { ok: false, built: true };
  }
  states.set(found.name, stateOf(found, states));
  stamp(stampName(found, types), states.get(found.name));
  onLine(`built ${found.name} in ${seconds(result.tookMs)}`);
  return { ok: true, built: true };
}

/**
 * Builds what has changed, each package as soon as those below it are there. Without types, which nobody needs who
 * only runs the result, it takes a fifth of the time.
 */
export async function build({ packages = readPackages(), types = true, onLine = console.log } = {}) {
  const states = new Map();
  const results = new Map();
  for (const found of packages) {
    const below = found.dependencies.map((name) => results.get(name));
    const afterThose = Promise.all(below).then((done) =>
      done.every(({ ok }) => ok) ? buildOne(found, states, { types, onLine }) : { ok: false, built: false },
    );
    results.set(found.name, afterThose);
  }
  const all = await Promise.all(results.values());
  return { ok: all.every(({ ok }) => ok), built: all.filter(({ built }) => built).length, total: packages.length };
}
