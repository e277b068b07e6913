import ts from 'typescript';
import { type Import, importsByFile, pathsOf } from './imports.ts';
import {
  isPackageSource,
  nodesOf,
  packageOf,
  parse,
  type Rule,
  type SourceFile,
  type Violation,
  violationAt,
} from './source.ts';

type Graph = ReadonlyMap<string, readonly Import[]>;

/** Walks the imports of `path`, with the way there, and tells each import that closes a circle. */
function circlesFrom(path: string, way: readonly string[], done: Set<string>, graph: Graph, found: Violation[]): void {
  const here = [...way, path];
  for (const { from, node, target } of graph.get(path) ?? []) {
    if (target === undefined || done.has(target)) continue;
    const start = here.indexOf(target);
    if (start < 0) circlesFrom(target, here, done, graph, found);
    else {
      const circle = [...here.slice(start), target].join(' > ');
      found.push(violationAt(from, node, `import cycle ${circle}: move what both need into a file of its own`));
    }
  }
  done.add(path);
}

export const cycles: Rule = (files) => {
  const graph = importsByFile(files);
  const done = new Set<string>();
  const found: Violation[] = [];
  for (const path of graph.keys()) if (!done.has(path)) circlesFrom(path, [], done, graph, found);
  return found;
};

const isBuildConfig = ({ path }: SourceFile) => /^packages\/[^/]+\/tsup\.config\.ts$/.test(path);

/** What the build of a package starts from: every string `src/…` of its tsup.config.ts. */
function entryPoints(config: SourceFile): string[] {
  const literals = nodesOf(parse(config))
    .filter(ts.isStringLiteral)
    .map(({ text }) => text);
  const entries = literals.filter((text) => text.startsWith('src/'));
  return entries.map((entry) => `packages/${packageOf(config.path)}/${entry}`);
}

export const deadFiles: Rule = (files) => {
  const graph = importsByFile(files);
  const reached = new Set<string>();
  const open = files.filter(isBuildConfig).flatMap(entryPoints);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { target } of graph.get(path) ?? []) if (target !== undefined) open.push(target);
  }
  const paths = pathsOf(files);
  const missing = [...reached].filter((path) => !paths.has(path));
  const dead = files.filter((file) => isPackageSource(file) && !reached.has(file.path));
  return [
    ...missing.map((file) => ({ file, line: 1, message: 'is imported or built but does not exist' })),
    ...dead.map(({ path }) => ({
      file: path,
      line: 1,
      message: 'no entry point of its package reaches it: delete it',
    })),
  ];
};
