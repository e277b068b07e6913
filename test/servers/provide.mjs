#!/usr/bin/env node
// Plain JavaScript without dependencies: this runs before anything is installed.
import { realpathSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { canInstall, install, installCommand } from './provide/apt.mjs';
import { buildModule } from './provide/build.mjs';
import { findOnPath, locate, versionOf } from './provide/locate.mjs';
import { modules, recipes, serverNames } from './provide/recipes.mjs';

export { findOnPath, serverNames };

const USAGE = `Finds, builds or installs the servers that the tests use.

  node test/servers/provide.mjs [--only etcd,consul] [--json] [--help]

  --only   some of: ${serverNames.join(', ')}
  --json   the result as JSON on standard output, the progress on standard error

Cache: $AUTOCLUSTER_CACHE, else $XDG_CACHE_HOME/autocluster, else ~/.cache/autocluster.
Exit code: 1 when something is missing and CI is "true", 2 on a wrong option, else 0.
`;

/** The path of a server that is there now, without building anything. */
export const serverBinary = (name, env = process.env) => locate(name, env)?.path;

/** The command that a person has to run for a server that is not there. */
export function howToProvide(name, env = process.env) {
  const recipe = recipes[name];
  if (recipe.kind === 'apt') return `sudo ${installCommand(recipe.packageName).join(' ')}`;
  const build = `node test/servers/provide.mjs --only ${name}`;
  return findOnPath('go', env) === undefined ? `install Go 1.21 or later, then ${build}` : build;
}

const sameMinor = (a, b) => a.split('.').slice(0, 2).join('.') === b.split('.').slice(0, 2).join('.');
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

function foundResult(name, found, tookMs, log) {
  const version = versionOf(name, found);
  const wanted = recipes[name].version;
  const other = version !== undefined && !sameMinor(version, wanted) ? `, not the recipe's ${wanted}` : '';
  log(`${name} ${version ?? '(version unknown)'}: ${found.status} ${found.path}${other}`);
  return { name, status: found.status, path: found.path, ...(version === undefined ? {} : { version }), tookMs };
}

function missingResult(name, log, tookMs = 0) {
  const provideWith = howToProvide(name);
  log(`${name} is missing: ${provideWith}`);
  return { name, status: 'missing', path: undefined, tookMs, provideWith };
}

/** Servers of one Go module share most packages, so one `go build` makes all that are missing. */
function stepsFor(missing) {
  const steps = new Map();
  for (const name of missing) {
    const recipe = recipes[name];
    const key = recipe.kind === 'go' ? recipe.module : name;
    steps.set(key, [...(steps.get(key) ?? []), name]);
  }
  return [...steps];
}

async function provideStep(key, names, log) {
  const [first] = names;
  const recipe = recipes[first];
  const what = `${names.join(' and ')} ${recipe.version}`;
  if (recipe.kind === 'apt') {
    if (!canInstall()) return false;
    log(`installing ${recipe.packageName} by apt-get, ${recipe.expected}`);
    await install(recipe.packageName, log);
    return true;
  }
  if (findOnPath('go') === undefined) return false;
  log(`building ${what}, ${modules[key].expected} when nothing is cached`);
  await buildModule(key, names, log);
  return true;
}

async function provideMissing(key, names, log) {
  const started = performance.now();
  let provided = false;
  try {
    provided = await provideStep(key, names, log);
  } catch (error) {
    log(String(error));
  }
  const tookMs = Math.round(performance.now() - started);
  if (provided) log(`${names.join(' and ')}: took ${seconds(tookMs)} here`);
  return names.map((name) => {
    const found = locate(name);
    if (found === undefined) return missingResult(name, log, tookMs);
    return foundResult(name, { ...found, status: provided ? 'built' : found.status }, tookMs, log);
  });
}

export async function provideServers({ only = serverNames, log = console.error, buildMissing = true } = {}) {
  const results = new Map();
  const missing = [];
  for (const name of only) {
    const found = locate(name);
    if (found !== undefined) results.set(name, foundResult(name, found, 0, log));
    else if (buildMissing) missing.push(name);
    else results.set(name, missingResult(name, log));
  }
  for (const [key, names] of stepsFor(missing)) {
    for (const result of await provideMissing(key, names, log)) results.set(result.name, result);
  }
  return only.map((name) => results.get(name));
}

function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: { only: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.filter((name) => !serverNames.includes(name)) ?? [];
  if (unknown.length > 0) throw new TypeError(`unknown server: ${unknown.join(', ')}`);
  return { help: values.help === true, json: values.json === true, ...(only ? { only } : {}) };
}

/** @returns {Promise<number>} the exit code */
export async function main(args, env = process.env) {
  let options;
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const results = await provideServers({ ...options, log: options.json ? console.error : console.log });
  if (options.json) console.log(JSON.stringify(results, undefined, 2));
  const missing = results.some(({ status }) => status === 'missing');
  return missing && env.CI === 'true' ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  process.exitCode = await main(process.argv.slice(2));
}
