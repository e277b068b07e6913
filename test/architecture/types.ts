import ts from 'typescript';
import {
  isPackageSource,
  lineOf,
  nodesOf,
  parse,
  type Rule,
  type SourceFile,
  type Violation,
  violationAt,
} from './source.ts';

function escapeHatch(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'any switches the compiler off: use unknown and narrow it';
  if (ts.isNonNullExpression(node)) return 'the ! is a promise nobody checks: narrow the value or throw';
  if ((ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node)) && node.exclamationToken !== undefined) {
    return 'the ! is a promise nobody checks: give it a value at once';
  }
  return undefined;
}

const DIRECTIVE = /^\/[/*]+\s*@ts-(ignore|nocheck|expect-error)\b/;

/** Comments stand before a token, so all tokens are asked for what is in front of them. */
function commentsOf(tree: ts.SourceFile): ts.CommentRange[] {
  const found = new Map<number, ts.CommentRange>();
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(tree.text, node.getFullStart()) ?? []) found.set(range.pos, range);
    for (const child of node.getChildren(tree)) visit(child);
  };
  visit(tree);
  return [...found.values()];
}

function directives(file: SourceFile): Violation[] {
  if (!file.text.includes('@ts-')) return [];
  const tree = parse(file);
  return commentsOf(tree)
    .filter(({ pos, end }) => DIRECTIVE.test(file.text.slice(pos, end)))
    .map(({ pos }) => ({
      file: file.path,
      line: lineOf(tree, pos),
      message: 'compiler directives hide errors: mend the type',
    }));
}

export const strictTypes: Rule = (files) =>
  files.filter(isPackageSource).flatMap((file) => [
    ...nodesOf(parse(file)).flatMap((node) => {
      const message = escapeHatch(node);
      return message === undefined ? [] : [violationAt(file, node, message)];
    }),
    ...directives(file),
  ]);
