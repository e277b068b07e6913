import ts from 'typescript';

/** One file of the tree, by its path from the top with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly file: string;
  readonly line: number;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** A pure function over the text of the tree. */
export type Rule = (files: readonly SourceFile[]) => readonly Violation[];

export const show = ({ file, line, message }: Violation): string => `${file}:${line} ${message}`;

const trees = new Map<string, { readonly text: string; readonly tree: ts.SourceFile }>();

export function parse({ path, text }: SourceFile): ts.SourceFile {
  const known = trees.get(path);
  if (known?.text === text) return known.tree;
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  trees.set(path, { text, tree });
  return tree;
}

export const lineOf = (tree: ts.SourceFile, position: number): number =>
  tree.getLineAndCharacterOfPosition(position).line + 1;

const nodes = new WeakMap<ts.Node, readonly ts.Node[]>();

/** Every node of a tree, outer ones first. */
export function nodesOf(tree: ts.Node): readonly ts.Node[] {
  const known = nodes.get(tree);
  if (known !== undefined) return known;
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  nodes.set(tree, found);
  return found;
}

export const violationAt = (file: SourceFile, node: ts.Node, message: string): Violation => ({
  file: file.path,
  line: lineOf(parse(file), node.getStart()),
  message,
});

const CODE = /\.(ts|mts|cts|js|mjs|cjs)$/;
const PACKAGE_SOURCE = /^packages\/[^/]+\/src\//;

export const isCode = ({ path }: SourceFile): boolean => CODE.test(path);
export const isPackageSource = ({ path }: SourceFile): boolean => PACKAGE_SOURCE.test(path) && CODE.test(path);

/** `core` of `packages/core/src/index.ts`; undefined outside of the packages. */
export const packageOf = (path: string): string | undefined => /^packages\/([^/]+)\//.exec(path)?.[1];

/** `formation` of `packages/core/src/formation/decide.ts`, `index` of `packages/core/src/index.ts`. */
export const roomOf = (path: string): string | undefined =>
  /^packages\/[^/]+\/src\/([^/]+?)(?:\.[a-z]+$|\/)/.exec(path)?.[1];
