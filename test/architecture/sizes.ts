import ts from 'typescript';
import { isCode, lineOf, nodesOf, parse, type Rule, type SourceFile, type Violation } from './source.ts';

export const MAX_FILE_LINES = 300;
export const MAX_FUNCTION_LINES = 70;

const HAND_WRITTEN = /^(packages\/[^/]+\/(src|test)|test|examples)\//;

const linesIn = (text: string) => text.replace(/\n$/, '').split('\n').length;

/** `describe` of `describe(…)`, `describe.each(…)(…)`, `describe.skipIf(…)(…)`. */
function calledName(expression: ts.Expression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression))
    return calledName(expression.expression);
  return undefined;
}

const CONTENTS = new Set(['describe', 'serverSuite']);

/** The callback of `describe` is a table of contents; each `it` in it counts by itself. */
const isContents = ({ parent }: ts.Node) =>
  ts.isCallExpression(parent) && CONTENTS.has(calledName(parent.expression) ?? '');

function nameOf(node: ts.FunctionLikeDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function without a name';
}

function longFunctions(file: SourceFile): Violation[] {
  const tree = parse(file);
  const functions = nodesOf(tree).filter(ts.isFunctionLike);
  return functions.flatMap((node) => {
    if (!('body' in node) || node.body === undefined || isContents(node)) return [];
    const line = lineOf(tree, node.getStart());
    const lines = lineOf(tree, node.getEnd()) - line + 1;
    if (lines <= MAX_FUNCTION_LINES) return [];
    const message = `${nameOf(node)} has ${lines} lines: split it, ${MAX_FUNCTION_LINES} is the most`;
    return [{ file: file.path, line, message }];
  });
}

export const sizes: Rule = (files) =>
  files
    .filter((file) => isCode(file) && HAND_WRITTEN.test(file.path))
    .flatMap((file) => {
      const lines = linesIn(file.text);
      const message = `has ${lines} lines: split it by what changes together, ${MAX_FILE_LINES} is the most`;
      const long = lines > MAX_FILE_LINES ? [{ file: file.path, line: MAX_FILE_LINES + 1, message }] : [];
      return [...long, ...longFunctions(file)];
    });
