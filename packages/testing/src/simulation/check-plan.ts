import { invalidRange, invalidType, requireKnown, requireOneOf, requireWhole } from '@autocluster/core/backend';
import { CATALOGUE, type FaultKind, type Outline } from './faults/index.js';
import type { Happening, Plan, PlanValue, PlanValues, Traits } from './plan.js';

const MOST_NODES = 50;

type Check = (option: string, value: unknown) => void;

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function requireObject(option: string, value: unknown): asserts value is Readonly<Record<string, unknown>> {
  if (!isFields(value)) throw invalidType(option, value, 'an object');
}

function requireList(option: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw invalidType(option, value, 'an array');
}

/** JSON knows no number that is not finite. */
const atLeast0: Check = (option, value) => {
  if (typeof value !== 'number') throw invalidType(option, value, 'a number from 0');
  if (!(value >= 0 && value < Infinity)) throw invalidRange(option, value, 'a number from 0');
};

const yesOrNo: Check = (option, value) => {
  if (typeof value !== 'boolean') throw invalidType(option, value, 'true or false');
};

const oneOf =
  (...allowed: readonly string[]): Check =>
  (option, value) =>
    void requireOneOf(option, value, allowed);

/** The node itself refuses it, and says what it allows. */
const byTheNode: Check = (option, value) => {
  if (value === undefined) throw invalidType(option, value, 'given');
};

export const requireNodes: Check = (option, value) => void requireWhole(option, value, { min: 1, max: MOST_NODES });

const TRAITS: { readonly [Name in keyof Traits]-?: Check } = {
  nodes: requireNodes,
  daemon: oneOf('durable', 'process', 'own'),
  concurrentJoins: yesOrNo,
  stepMs: atLeast0,
  store: oneOf('full', 'consul', 'late', 'separate', 'plain'),
  latencyMs: atLeast0,
  drift: (option, value) => {
    atLeast0(option, value);
    if (Number(value) >= 1) throw invalidRange(option, value, 'a number from 0, less than 1');
  },
  ttlMs: byTheNode,
  settleMs: byTheNode,
  workMs: byTheNode,
  nodesExpectedMin: byTheNode,
  formationTimeoutMs: byTheNode,
  select: byTheNode,
  onEvicted: byTheNode,
  onLocalData: byTheNode,
  joinMinority: byTheNode,
  whenNobodyAlive: byTheNode,
  jobs: yesOrNo,
  cleanup: oneOf('off', 'report', 'remove'),
  checkups: yesOrNo,
  startsMs: (option, value) => {
    requireList(option, value);
    for (const [index, each] of value.entries()) atLeast0(`${option}[${index}]`, each);
  },
};

/** Those that are given must be traits, and possible. Throws `INVALID_OPTION`. */
export function checkTraits(traits: unknown): void {
  requireObject('traits', traits);
  requireKnown(traits, Object.keys(TRAITS), 'traits');
  for (const [name, check] of Object.entries(TRAITS)) {
    if (traits[name] !== undefined) check(`traits.${name}`, traits[name]);
  }
}

const EXAMPLE: Omit<Outline, 'traits'> = {
  random: { next: () => 0.5, between: (from) => from, fork: () => EXAMPLE.random },
  pick: (choices) => {
    const [first] = choices;
    if (first === undefined) throw invalidRange('choices', 0, 'at least one');
    return first;
  },
  chance: () => true,
  below: () => 0,
  node: () => 'n1',
  ttls: () => 1,
};

const typeOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value);

function checkValue(option: string, value: unknown, example: PlanValue): void {
  const kind = typeOf(example);
  if (kind === 'number' ? !Number.isFinite(value) : typeOf(value) !== kind) {
    throw invalidType(option, value, `${kind === 'array' ? 'an array' : `a ${kind}`}, e.g. ${JSON.stringify(example)}`);
  }
  const [first] = Array.isArray(example) ? (example as readonly PlanValue[]) : [];
  if (first === undefined || !Array.isArray(value)) return;
  for (const [index, each] of value.entries()) checkValue(`${option}[${index}]`, each, first);
}

/** The values of a happening are those that its fault draws; what is false may be missing. */
function checkValues(option: string, values: unknown, kind: FaultKind, traits: Traits): void {
  requireObject(option, values);
  const examples: PlanValues = kind.draw({ ...EXAMPLE, traits });
  requireKnown(values, Object.keys(examples), `${option} of fault ${kind.id}`);
  for (const [name, example] of Object.entries(examples)) {
    if (values[name] === undefined && typeof example === 'boolean') continue;
    checkValue(`${option}.${name}`, values[name], example);
  }
}

const HAPPENING: readonly (keyof Happening)[] = ['atMs', 'fault', 'values'];

function checkHappening(option: string, happening: unknown, traits: Traits): void {
  requireObject(option, happening);
  requireKnown(happening, HAPPENING, option);
  const { atMs, fault, values } = happening;
  atLeast0(`${option}.atMs`, atMs);
  const kind = CATALOGUE.get(String(fault));
  if (!kind) throw invalidRange(`${option}.fault`, fault, [...CATALOGUE.keys()].join(' | '));
  checkValues(`${option}.values`, values, kind, traits);
}

const PLAN: readonly (keyof Plan)[] = ['seed', 'traits', 'happenings', 'healAtMs', 'quietMs'];

export const requireSeed: Check = (option, seed) => {
  const allowed = 'a number or a text';
  if (typeof seed !== 'string' && typeof seed !== 'number') throw invalidType(option, seed, allowed);
  if (typeof seed === 'number' && !Number.isFinite(seed)) throw invalidRange(option, seed, allowed);
};

/** A plan may come from a file: other names, faults and types than it can have are refused. Throws `INVALID_OPTION`. */
export function checkPlan(plan: Plan): void {
  requireObject('plan', plan);
  requireKnown(plan, PLAN, 'plan');
  const { seed, traits, happenings } = plan;
  requireSeed('seed', seed);
  checkTraits(traits);
  for (const name of Object.keys(TRAITS)) byTheNode(`traits.${name}`, Reflect.get(traits, name));
  if (traits.startsMs.length !== traits.nodes) {
    throw invalidRange('traits.startsMs', traits.startsMs, `one time for each of ${traits.nodes} nodes`);
  }
  requireList('happenings', happenings);
  for (const [index, each] of happenings.entries()) checkHappening(`happenings[${index}]`, each, traits);
  atLeast0('healAtMs', plan.healAtMs);
  atLeast0('quietMs', plan.quietMs);
}
