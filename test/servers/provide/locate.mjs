import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modules, recipes } from './recipes.mjs';

const serversFolder = fileURLToPath(new URL('..', import.meta.url));

export const moduleFolder = (module) => join(serversFolder, module);

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function findOnPath(command, env = process.env) {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, command)).find(isProgram);
}

export function cacheRoot(env = process.env) {
  if (env.AUTOCLUSTER_CACHE) return env.AUTOCLUSTER_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'autocluster');
}

/** Changes with everything that a build depends on, so that an old binary is never taken for a new one. */
function moduleKey(module) {
  const hash = createHash('sha256');
  const folder = moduleFolder(module);
  const own = readdirSync(folder)
    .filter((file) => file.endsWith('.go'))
    .toSorted();
  for (const file of ['go.mod', 'go.sum', ...own]) hash.update(readFileSync(join(folder, file)));
  hash.update(modules[module].linkerFlags).update(process.platform).update(process.arch);
  return hash.digest('hex').slice(0, 16);
}

export const moduleCache = (module, env = process.env) =>
  join(cacheRoot(env), 'servers', `${module}-${moduleKey(module)}`);

function rabbitmqScripts(folder) {
  const versions = join(folder, '..', 'lib', 'rabbitmq', 'lib');
  if (!existsSync(versions)) return undefined;
  const newest = readdirSync(versions)
    .filter((name) => name.startsWith('rabbitmq_server-'))
    .sort()
    .at(-1);
  return newest && join(versions, newest, 'sbin', 'rabbitmq-server');
}

/**
 * Debian's command on PATH switches the user, and so reads another cookie; the script below RabbitMQ's own folder does
 * not. A user's PATH often has the bin folders only, and the command is in sbin.
 */
function findRabbitmq(env) {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const withSbin = [...new Set(folders.flatMap((folder) => [folder, join(dirname(folder), 'sbin')]))];
  for (const folder of withSbin) {
    const command = join(folder, 'rabbitmq-server');
    if (!isProgram(command)) continue;
    const script = rabbitmqScripts(folder);
    return script !== undefined && isProgram(script) ? script : command;
  }
  return undefined;
}

/** Debian keeps the server off PATH, in a folder for each version. */
function findPostgres(env) {
  const onPath = findOnPath('postgres', env);
  if (onPath !== undefined) return realpathSync(onPath);
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const homes = [...new Set(folders.map((folder) => join(dirname(folder), 'lib', 'postgresql')))].filter(existsSync);
  const versions = homes.flatMap((home) => readdirSync(home).map((version) => join(home, version, 'bin', 'postgres')));
  const number = (path) => Number(basename(dirname(dirname(path))));
  return versions
    .filter(isProgram)
    .toSorted((a, b) => number(a) - number(b))
    .at(-1);
}

const packaged = { rabbitmq: findRabbitmq, postgres: findPostgres };

/** @returns {{status: 'path' | 'cache', path: string} | undefined} */
export function locate(name, env = process.env) {
  const recipe = recipes[name];
  if (recipe === undefined) throw new TypeError(`unknown server: ${name}`);
  const onPath = packaged[name]?.(env) ?? findOnPath(name, env);
  if (onPath !== undefined) return { status: 'path', path: onPath };
  if (recipe.kind === 'apt') return undefined;
  const cached = join(moduleCache(recipe.module, env), name);
  return isProgram(cached) ? { status: 'cache', path: cached } : undefined;
}

const versionIn = (text) => /\d+\.\d+\.\d+/.exec(text)?.[0];

/** What is on PATH may be of any version; what is in the cache is what the recipe says. */
export function versionOf(name, { status, path }) {
  const recipe = recipes[name];
  if (name === 'postgres') return /\d+\.\d+/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout)?.[0];
  if (recipe.kind === 'apt') return versionIn(basename(path.split(`${sep}sbin${sep}`)[0] ?? ''));
  if (status !== 'path') return recipe.version;
  const { stdout, stderr } = spawnSync(path, recipe.versionArgs, { encoding: 'utf8', timeout: 10_000 });
  return versionIn(`${stdout}${stderr}`);
}
