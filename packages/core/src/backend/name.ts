import { invalidRange, requireText } from '../errors/index.js';

const MAX_BYTES = 253;
// oxlint-disable-next-line no-control-regex -- control characters are what this refuses
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Why a text cannot be the name of a node, cluster, lock or instance; undefined when it can. */
export function nameProblem(value: string): string | undefined {
  if (value === '') return 'it is empty';
  if (new TextEncoder().encode(value).length > MAX_BYTES) return `it has more than ${MAX_BYTES} bytes`;
  if (CONTROL.test(value)) return 'it has a control character';
  if (LONE_SURROGATE.test(value)) return 'it is not well-formed Unicode';
  if (value.includes('/')) return 'it has a slash';
  if (value === '.' || value === '..') return 'it is a dot segment';
  return undefined;
}

/** A name of a node, cluster or lock; throws `INVALID_OPTION` otherwise. */
export function requireName(option: string, value: unknown): string {
  const name = requireText(option, value);
  const problem = nameProblem(name);
  const allowed = `1 to ${MAX_BYTES} bytes without control characters or slash (${problem})`;
  if (problem !== undefined) throw invalidRange(option, name, allowed);
  return name;
}

/** A key prefix: names joined by slashes, without one at either end. */
export function requirePrefix(option: string, value: unknown): string {
  const prefix = requireText(option, value);
  for (const segment of prefix.split('/')) {
    const problem = nameProblem(segment);
    if (problem !== undefined) throw invalidRange(option, prefix, `names joined by slashes (${problem})`);
  }
  return prefix;
}
