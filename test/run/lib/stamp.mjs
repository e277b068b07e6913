import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stamps } from './workspace.mjs';

/** Files below a path, or the path itself; nothing for a path that is not there. */
function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** Changes with every name and every byte below the paths. */
export function hashOf(paths, ...more) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(filesBelow)) hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
  for (const text of more) hash.update(`${text}\0`);
  return hash.digest('hex');
}

const fileOf = (name) => join(stamps, `${name}.stamp`);

export function isStamped(name, value) {
  try {
    return readFileSync(fileOf(name), 'utf8') === value;
  } catch {
    return false;
  }
}

export function stamp(name, value) {
  const file = fileOf(name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, value);
}
