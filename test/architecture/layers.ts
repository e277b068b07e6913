import { type Import, importsByFile, packageImports } from './imports.ts';
import { packageOf, type Rule, roomOf, type Violation, violationAt } from './source.ts';

/** Rooms of core/src from left to right; a room imports only from tiers on its left. Rooms of one tier never meet. */
export const TIERS: readonly (readonly string[])[] = [
  ['errors'],
  ['backend'],
  ['driver'],
  ['runtime'],
  ['guard'],
  ['session'],
  ['lock', 'formation', 'cleanup', 'health'],
  ['node'],
  ['http'],
  ['index'],
];

const ORDER = TIERS.map((tier) => tier.join(', ')).join(' < ');
const tierOf = (room: string | undefined) => TIERS.findIndex((tier) => room !== undefined && tier.includes(room));

export const layers: Rule = (files) =>
  packageImports(files).flatMap(({ from, node, target }): Violation[] => {
    if (packageOf(from.path) !== 'core') return [];
    const [here, there] = [roomOf(from.path), target === undefined ? undefined : roomOf(target)];
    if (tierOf(here) < 0)
      return [violationAt(from, node, `the room ${here} has no place in TIERS of layers.ts: ${ORDER}`)];
    if (there === undefined || here === there || (tierOf(there) >= 0 && tierOf(there) < tierOf(here))) return [];
    return [violationAt(from, node, `${here} imports ${there}; a room imports only from its left: ${ORDER}`)];
  });

const IMPURE_ROOMS = new Set(['runtime', 'guard', 'session', 'node']);
const PURE_FILE = /\/(decide|step|plan)(\/.+)?\.ts$/;

/** The first thing on the way from a file, over its imports, that is neither type, error nor pure. */
function impurity(
  path: string,
  imports: ReadonlyMap<string, readonly Import[]>,
  seen: Set<string>,
): string | undefined {
  seen.add(path);
  for (const { specifier, target, typeOnly } of imports.get(path) ?? []) {
    if (typeOnly) continue;
    if (target === undefined) return `${path} imports ${specifier}`;
    const room = roomOf(target);
    if (room !== undefined && IMPURE_ROOMS.has(room)) return `${path} imports ${target}`;
    const found = room === 'errors' || seen.has(target) ? undefined : impurity(target, imports, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Deciding is a function of its arguments. */
export const pureDecisions: Rule = (files) => {
  const imports = importsByFile(files);
  return files
    .filter(({ path }) => packageOf(path) !== undefined && PURE_FILE.test(path))
    .flatMap(({ path }): Violation[] => {
      const found = impurity(path, imports, new Set());
      const rule =
        'decide, step and plan use types, errors and files that use no more than these; take the value as an argument';
      return found === undefined ? [] : [{ file: path, line: 1, message: `${found}: ${rule}` }];
    });
};
