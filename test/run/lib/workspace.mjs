import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const top = fileURLToPath(new URL('../../..', import.meta.url));

/** What one checkout remembers between two runs; `git clean` and a new install forget it. */
export const stamps = join(top, 'node_modules', '.cache', 'autocluster');

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

const foldersIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'package.json')))
        .map((entry) => join(folder, entry.name))
    : [];

/** Every package.json of the workspace. */
export const manifests = () =>
  [top, ...foldersIn(join(top, 'packages')), ...foldersIn(join(top, 'examples'))].map((folder) =>
    join(folder, 'package.json'),
  );

const dependenciesOf = (manifest) =>
  Object.keys({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies });

function readPackage(folder) {
  const manifest = readJson(join(folder, 'package.json'));
  return { name: manifest.name, folder, manifest, dependencies: dependenciesOf(manifest) };
}

/** The packages that are published, each after those that it depends on. */
export function readPackages() {
  const open = new Map(foldersIn(join(top, 'packages')).map((folder) => [folder, readPackage(folder)]));
  const names = new Set([...open.values()].map(({ name }) => name));
  const ordered = [];
  while (open.size > 0) {
    const done = new Set(ordered.map(({ name }) => name));
    const ready = [...open].filter(([, { dependencies }]) =>
      dependencies.every((name) => !names.has(name) || done.has(name)),
    );
    if (ready.length === 0)
      throw new Error(`packages depend on each other in a circle: ${[...open.keys()].join(', ')}`);
    for (const [folder, found] of ready) {
      ordered.push({ ...found, dependencies: found.dependencies.filter((name) => names.has(name)) });
      open.delete(folder);
    }
  }
  return ordered;
}

/** The packages of the workspace that a folder's package.json asks for, with what those need; all without one. */
export function packagesFor(folder, packages = readPackages()) {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return packages;
  const wanted = new Set(dependenciesOf(readJson(path)));
  for (const { name, dependencies } of packages.toReversed()) {
    if (wanted.has(name)) for (const dependency of dependencies) wanted.add(dependency);
  }
  return packages.filter(({ name }) => wanted.has(name));
}

/** The program of a development dependency, started by this very Node. */
export const tool = (packageName, program) => {
  const folder = join(top, 'node_modules', packageName);
  const { bin } = readJson(join(folder, 'package.json'));
  return [process.execPath, join(folder, typeof bin === 'string' ? bin : bin[program])];
};
