import { type Import, packageImports } from './imports.ts';
import { packageOf, type Rule, roomOf, type SourceFile, type Violation, violationAt } from './source.ts';

const KNOWN_BACKENDS = ['etcd', 'local', 'consul', 'kubernetes'];
const KNOWN_DRIVERS = ['rabbitmq'];

/** What a kind of package may import of this workspace, its own files aside. */
const ALLOWED = {
  backend: ['@autocluster/core/backend'],
  driver: ['@autocluster/core/driver'],
  other: [
    '@autocluster/core',
    '@autocluster/core/backend',
    '@autocluster/core/driver',
    '@autocluster/core/runtime',
    '@autocluster/core/http',
  ],
} as const;

/** Packages that build on more than the core. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  cli: [
    '@autocluster/etcd',
    '@autocluster/local',
    '@autocluster/consul',
    '@autocluster/kubernetes',
    '@autocluster/rabbitmq',
  ],
};

/** The one room of a driver's package that runs a whole node, on the other side of the interface. */
const RUNS_A_NODE = 'run';
const ALSO_TO_RUN = ['@autocluster/core', '@autocluster/core/runtime', '@autocluster/core/http'];

/** Rooms of the core that may use Node's own modules, and which. */
export const NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  runtime: ['node:crypto', 'node:os'],
  lock: ['node:process'],
  node: ['node:os', 'node:process'],
  http: ['node:http'],
};

/** Packages that export a store: the known ones, and whoever has the file that such a package is named for. */
export function backendPackages(files: readonly SourceFile[]): ReadonlySet<string> {
  const packages = new Set(KNOWN_BACKENDS);
  for (const { path } of files) {
    const owner = packageOf(path);
    if (owner !== undefined && owner !== 'core' && path === `packages/${owner}/src/backend.ts`) packages.add(owner);
  }
  return packages;
}

function kindOf(owner: string, backends: ReadonlySet<string>): keyof typeof ALLOWED {
  if (backends.has(owner)) return 'backend';
  return KNOWN_DRIVERS.includes(owner) ? 'driver' : 'other';
}

function foreignImport(owner: string, { from, node, specifier }: Import, kind: keyof typeof ALLOWED): Violation[] {
  if (!specifier.startsWith('@autocluster/')) return [];
  const runs = kind === 'driver' && roomOf(from.path) === RUNS_A_NODE;
  const allowed: readonly string[] = [...ALLOWED[kind], ...(ALSO[owner] ?? []), ...(runs ? ALSO_TO_RUN : [])];
  if (allowed.includes(specifier)) return [];
  return [
    violationAt(from, node, `${owner} imports ${specifier}; of this workspace it may import ${allowed.join(', ')}`),
  ];
}

function coreImport({ from, node, specifier, target }: Import): Violation[] {
  if (target !== undefined) return [];
  const room = roomOf(from.path) ?? '';
  const allowed = NODE_MODULES[room] ?? [];
  if (allowed.includes(specifier)) return [];
  const what = allowed.length === 0 ? 'nothing from outside' : `only ${allowed.join(', ')}`;
  const instead = 'ask the Runtime for it, or list a node: module in NODE_MODULES of boundaries.ts';
  return [violationAt(from, node, `core/${room} imports ${specifier}; it may import ${what}: ${instead}`)];
}

export const boundaries: Rule = (files) => {
  const backends = backendPackages(files);
  return packageImports(files).flatMap((each): readonly Violation[] => {
    const owner = packageOf(each.from.path);
    if (owner === undefined) return [];
    if (each.target !== undefined && !each.target.startsWith(`packages/${owner}/src/`)) {
      return [
        violationAt(each.from, each.node, `${each.specifier} leaves the package: import it by the package's name`),
      ];
    }
    return owner === 'core' ? coreImport(each) : foreignImport(owner, each, kindOf(owner, backends));
  });
};

const BACKEND_FILES = ['index', 'config', 'backend', 'client', 'keys', 'errors'];

/** Who knows one store finds the way in every other. */
export const backendFiles: Rule = (files) =>
  [...backendPackages(files)].flatMap((owner) => {
    const folder = `packages/${owner}/src/`;
    const present = files.filter(({ path }) => path.startsWith(folder)).map(({ path }) => path.slice(folder.length));
    // A package that was only laid out has an index and nothing else.
    if (present.length <= 1) return [];
    const missing = BACKEND_FILES.filter((name) => !present.includes(`${name}.ts`));
    return missing.map((name) => {
      const message = `is missing: every store has ${BACKEND_FILES.join(', ')}`;
      return { file: `${folder}${name}.ts`, line: 1, message };
    });
  });
