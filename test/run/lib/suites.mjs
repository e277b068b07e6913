import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { top } from './workspace.mjs';

const PLACES = ['packages', 'test', 'examples'];
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'src']);
const NEEDS = /\b(?:serverSuite\(|servers:)\s*\[([^\]]*)\]/g;
/** What a test takes from a file beside it. */
const BESIDE = /\bfrom\s+'(\.\/[^']+)\.[jt]s'/g;

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** The names in `serverSuite(['etcd', …], …)`, and in `servers: ['etcd', …]` of a store. */
export function serversNeeded(text) {
  const lists = [...text.matchAll(NEEDS)].flatMap(([, list]) => [...list.matchAll(/['"]([^'"]+)['"]/g)]);
  return [...new Set(lists.map(([, name]) => name))];
}

/** The text of a test, together with that of the files beside it that it is made of. */
function wholeText(path, seen = new Set()) {
  if (seen.has(path)) return '';
  seen.add(path);
  const text = readFileSync(path, 'utf8');
  const beside = [...text.matchAll(BESIDE)].map(([, name]) => `${join(dirname(path), name)}.ts`).filter(existsSync);
  return [text, ...beside.map((each) => wholeText(each, seen))].join('\n');
}

/** Each test file, the stage that it belongs to, and the servers that it needs. */
export function findSuites() {
  const places = readdirSync(top).filter((name) => PLACES.includes(name));
  return places
    .flatMap((place) => testFiles(join(top, place)))
    .map((path) => {
      const file = relative(top, path).replaceAll('\\', '/');
      const servers = serversNeeded(wholeText(path));
      if (file.startsWith('test/pack/')) return { file, stage: 'pack', servers };
      return { file, stage: servers.length > 0 ? 'real' : 'unit', servers };
    });
}
