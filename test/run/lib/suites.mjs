import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { top } from './workspace.mjs';

const PLACES = ['packages', 'test', 'examples'];
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'src']);
const NEEDS = /\bserverSuite\(\s*\[([^\]]*)\]/g;

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** The names in `serverSuite(['etcd', …], …)`. */
export function serversNeeded(text) {
  const lists = [...text.matchAll(NEEDS)].flatMap(([, list]) => [...list.matchAll(/['"]([^'"]+)['"]/g)]);
  return [...new Set(lists.map(([, name]) => name))];
}

/** Each test file, the stage that it belongs to, and the servers that it needs. */
export function findSuites() {
  const places = readdirSync(top).filter((name) => PLACES.includes(name));
  return places
    .flatMap((place) => testFiles(join(top, place)))
    .map((path) => {
      const file = relative(top, path).replaceAll('\\', '/');
      const servers = serversNeeded(readFileSync(path, 'utf8'));
      if (file.startsWith('test/pack/')) return { file, stage: 'pack', servers };
      return { file, stage: servers.length > 0 ? 'real' : 'unit', servers };
    });
}
