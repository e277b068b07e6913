import type { Rule, SourceFile, Violation } from './source.ts';

const TOP_LEVEL = new Set([
  'packages',
  'examples',
  'test',
  'pnpm-workspace.yaml',
  'package.json',
  'tsconfig.base.json',
  'README.md',
  'LICENSE',
  'pnpm-lock.yaml',
]);

export const topLevel: Rule = (files) => {
  const names = new Map(files.map(({ path }) => [path.split('/')[0] ?? path, path]));
  return [...names]
    .filter(([name]) => !TOP_LEVEL.has(name) && !name.startsWith('.'))
    .map(([name, path]) => {
      const message = `${name} is not of the agreed top level: ${[...TOP_LEVEL].join(', ')} and dotfiles`;
      return { file: path, line: 1, message };
    });
};

const HOME_FOLDERS = ['home', 'Users', 'root', 'work', 'workspace', 'workspaces', 'builds'];
const MACHINE_PATH = new RegExp(`(?<![\\w.~-])/(${HOME_FOLDERS.join('|')})/[\\w.-]`);
const REGISTRY_HOST =
  /\b(registry|proxy|sum|deb|mirror|artifactory|nexus)\.(?!k8s\.)[a-z0-9-]+(\.[a-z0-9-]+)*\.(org|com|net|io|dev|cloud)\b/;

const MACHINE_BOUND: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  {
    pattern: MACHINE_PATH,
    message: 'an absolute path of one machine: make it relative, or take it from the environment',
  },
  {
    pattern: REGISTRY_HOST,
    message: "a package registry's host: the user's own settings decide where packages come from",
  },
];

function machineBound(file: SourceFile): Violation[] {
  return file.text.split('\n').flatMap((text, index) =>
    MACHINE_BOUND.filter(({ pattern }) => pattern.test(text)).map(({ message }) => {
      return { file: file.path, line: index + 1, message };
    }),
  );
}

/** Text that is true on one machine only. `go.sum` holds hashes, and nothing else. */
export const machineIndependent: Rule = (files) =>
  files.filter(({ path }) => !path.endsWith('go.sum')).flatMap(machineBound);
