import ts from 'typescript';
import {
  isPackageSource,
  nodesOf,
  packageOf,
  parse,
  type Rule,
  roomOf,
  type SourceFile,
  type Violation,
  violationAt,
} from './source.ts';

interface Ban {
  /** `name`, `object.name`, or `call('first argument')`. */
  readonly name: string;
  readonly instead: string;
  readonly allowedIn?: (path: string) => boolean;
}

const inRoom = (room: string) => (path: string) => packageOf(path) === 'core' && roomOf(path) === room;
const inRuntime = inRoom('runtime');
const inFormatting = (path: string) => /\/format[^/]*\.ts$|\/format\//.test(path);

/** Where a ban would forbid the only way there is, and why. */
const EXCEPTIONS: readonly { readonly name: string; readonly path: RegExp; readonly reason: string }[] = [
  { name: '.wallMs', path: /^packages\/testing\/src\/time\//, reason: 'simulates that clock' },
  { name: '.wallMs', path: /^packages\/conformance\/src\/cases\/(time|machines)\.ts$/, reason: 'lets that clock jump' },
  { name: 'Date', path: /^packages\/etcd\/src\/etcd3-call\.ts$/, reason: 'gRPC takes a deadline by this clock only' },
  { name: 'Date', path: /^packages\/conformance\/src\/cases\/machines\.ts$/, reason: 'sets that clock wrong' },
  { name: 'extends Error', path: /^packages\/[^/]+\/src\/errors\.ts$/, reason: "a backend's own room for errors" },
  {
    name: 'randomUUID',
    path: /^packages\/local\/src\/environment\.ts$/,
    reason: 'the identity of a new store',
  },
  {
    name: 'setImmediate',
    path: /^packages\/local\/src\/writer\.ts$/,
    reason: 'what is asked in one turn of the event loop is written together',
  },
  {
    name: 'setTimeout',
    path: /^packages\/local\/src\/queue\.ts$/,
    reason: 'no system tells Node.js that another process does not give a lock back, since it was killed or stopped',
  },
];
const isExcepted = (name: string, path: string): boolean =>
  EXCEPTIONS.some((each) => each.name === name && each.path.test(path));

const clockInstead = 'take the time from Clock.monotonicMs()';
const timerInstead = 'use Runtime.after, or pause() of runtime/deadline.ts';
const errorInstead = 'throw a ClusterError, or invalidType()/invalidRange() for an option';

/** The one file of the simulated time, which has to let real work of the process pass. */
const TESTING_REAL_TURN = ['setImmediate', 'MessageChannel'];

const EVERYWHERE: readonly Ban[] = [
  { name: 'setTimeout', instead: timerInstead },
  { name: 'setInterval', instead: timerInstead },
  { name: 'setImmediate', instead: timerInstead },
  { name: 'MessageChannel', instead: timerInstead },
  { name: 'Date', instead: clockInstead },
  { name: 'performance', instead: clockInstead },
  { name: 'process.hrtime', instead: clockInstead },
  { name: 'Math.random', instead: 'use Runtime.random()' },
  { name: 'randomUUID', instead: 'use Runtime.uniqueId()' },
  { name: 'crypto.randomUUID', instead: 'use Runtime.uniqueId()' },
  { name: 'AbortSignal.timeout', instead: 'use deadline() of runtime/deadline.ts and clear it in a finally' },
  { name: "addEventListener('abort')", instead: 'use onAbort() of runtime/deadline.ts and let go in a finally' },
];

export const BANS: readonly Ban[] = [
  ...EVERYWHERE.map((ban) => ({ ...ban, allowedIn: inRuntime })),
  {
    name: '.wallMs',
    instead:
      'durations and expiry use Clock.monotonicMs(); wall time is for people, in runtime/ and in files named format*.ts',
    allowedIn: (path) => inRuntime(path) || inFormatting(path),
  },
  ...['Error', 'TypeError', 'RangeError'].flatMap((name): Ban[] => [
    { name: `new ${name}`, instead: errorInstead, allowedIn: inRoom('errors') },
    { name: `extends ${name}`, instead: errorInstead, allowedIn: inRoom('errors') },
  ]),
];

const GLOBAL_OBJECTS = new Set(['globalThis', 'global', 'window', 'self']);

/** A name that stands for the thing itself: not a key of an object, a member of another, or a declaration. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return ts.isIdentifier(parent.expression) && GLOBAL_OBJECTS.has(parent.expression.text);
  }
  if (ts.isQualifiedName(parent) && parent.right === node) return false;
  if (ts.isImportSpecifier(parent)) return (parent.propertyName ?? parent.name) === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const isName = 'name' in parent && parent.name === node;
  const isKey = ts.isBindingElement(parent) && parent.propertyName === node;
  return !isName && !isKey;
}

function memberNames(node: ts.PropertyAccessExpression): string[] {
  const member = node.name.text;
  return ts.isIdentifier(node.expression) ? [`${node.expression.text}.${member}`, `.${member}`] : [`.${member}`];
}

function callNames({ expression, arguments: [first] }: ts.CallExpression): string[] {
  const called = ts.isPropertyAccessExpression(expression) ? expression.name.text : undefined;
  return called !== undefined && first !== undefined && ts.isStringLiteralLike(first)
    ? [`${called}('${first.text}')`]
    : [];
}

/** How the table of bans would call this node. */
function namesOf(node: ts.Node): string[] {
  if (ts.isIdentifier(node)) return isReference(node) ? [node.text] : [];
  if (ts.isPropertyAccessExpression(node)) return memberNames(node);
  if (ts.isBindingElement(node)) return [`.${(node.propertyName ?? node.name).getText()}`];
  if (ts.isCallExpression(node)) return callNames(node);
  if (ts.isNewExpression(node)) return [`new ${node.expression.getText()}`];
  if (ts.isHeritageClause(node)) return node.types.map(({ expression }) => `extends ${expression.getText()}`);
  return [];
}

const bansByName = new Map(BANS.map((ban) => [ban.name, ban]));

interface Use {
  readonly ban: Ban;
  readonly file: SourceFile;
  readonly node: ts.Node;
}

const usesIn = (file: SourceFile): Use[] =>
  nodesOf(parse(file)).flatMap((node) =>
    namesOf(node).flatMap((name) => {
      const ban = bansByName.get(name);
      return ban === undefined || ban.allowedIn?.(file.path) === true || isExcepted(ban.name, file.path)
        ? []
        : [{ ban, file, node }];
    }),
  );

export const bannedNames: Rule = (files) => {
  const uses = files.filter(isPackageSource).flatMap(usesIn);
  const turns = uses.filter(
    ({ ban, file }) => packageOf(file.path) === 'testing' && TESTING_REAL_TURN.includes(ban.name),
  );
  const exempt = turns[0]?.file;
  return uses
    .filter((use) => use.file !== exempt || !turns.includes(use))
    .map(({ ban, file, node }): Violation => violationAt(file, node, `${ban.name} is banned here: ${ban.instead}`));
};
