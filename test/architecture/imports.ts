import { posix } from 'node:path';
import ts from 'typescript';
import { isPackageSource, nodesOf, parse, type SourceFile } from './source.ts';

export interface Import {
  readonly from: SourceFile;
  readonly node: ts.Node;
  /** As written, e.g. `../errors/index.js`. */
  readonly specifier: string;
  /** The file of the tree that it means; undefined for a package. */
  readonly target: string | undefined;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

type Written = Pick<Import, 'node' | 'specifier' | 'typeOnly'>;

const allTypes = (elements: readonly { readonly isTypeOnly: boolean }[]) =>
  elements.length > 0 && elements.every((element) => element.isTypeOnly);

function isTypeImport({ importClause }: ts.ImportDeclaration): boolean {
  if (importClause === undefined) return false;
  if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = importClause.namedBindings;
  return (
    importClause.name === undefined &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    allTypes(bindings.elements)
  );
}

function isTypeExport({ isTypeOnly, exportClause }: ts.ExportDeclaration): boolean {
  return (
    isTypeOnly || (exportClause !== undefined && ts.isNamedExports(exportClause) && allTypes(exportClause.elements))
  );
}

const isLoad = (node: ts.CallExpression) =>
  node.expression.kind === ts.SyntaxKind.ImportKeyword ||
  (ts.isIdentifier(node.expression) && node.expression.text === 'require');

function writtenImport(node: ts.Node): Written | undefined {
  const found = (specifier: ts.Node | undefined, typeOnly: boolean): Written | undefined =>
    specifier !== undefined && ts.isStringLiteralLike(specifier)
      ? { node, specifier: specifier.text, typeOnly }
      : undefined;
  if (ts.isImportDeclaration(node)) return found(node.moduleSpecifier, isTypeImport(node));
  if (ts.isExportDeclaration(node)) return found(node.moduleSpecifier, isTypeExport(node));
  if (ts.isImportTypeNode(node))
    return found(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
  if (ts.isExternalModuleReference(node)) return found(node.expression, false);
  if (ts.isCallExpression(node) && isLoad(node)) return found(node.arguments[0], false);
  return undefined;
}

/** The file that a relative specifier means: `.js` is written, `.ts` is on the disk. */
export function resolveRelative(from: string, specifier: string, paths: ReadonlySet<string>): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const plain = posix.join(posix.dirname(from), specifier);
  const base = plain.replace(/\.([mc]?)js$/, '.$1ts');
  const candidates = [plain, base, `${plain}.ts`, `${plain}/index.ts`];
  return candidates.find((candidate) => paths.has(candidate)) ?? base;
}

export function importsOf(file: SourceFile, paths: ReadonlySet<string>): Import[] {
  const imports: Import[] = [];
  for (const node of nodesOf(parse(file))) {
    const written = writtenImport(node);
    if (written === undefined) continue;
    imports.push({ ...written, from: file, target: resolveRelative(file.path, written.specifier, paths) });
  }
  return imports;
}

export const pathsOf = (files: readonly SourceFile[]): ReadonlySet<string> => new Set(files.map(({ path }) => path));

/** Every import that the sources of the packages contain. */
export function packageImports(files: readonly SourceFile[]): Import[] {
  const paths = pathsOf(files);
  return files.filter(isPackageSource).flatMap((file) => importsOf(file, paths));
}

export function importsByFile(files: readonly SourceFile[]): ReadonlyMap<string, readonly Import[]> {
  const byFile = new Map<string, Import[]>();
  for (const each of packageImports(files)) byFile.set(each.from.path, [...(byFile.get(each.from.path) ?? []), each]);
  return byFile;
}
