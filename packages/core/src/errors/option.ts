/** What a `TypeError` or `RangeError` about an option carries besides its text. */
export interface InvalidOption {
  readonly code: 'INVALID_OPTION';
  /** The option's name, e.g. `ttlMs`. */
  readonly option: string;
  readonly value: unknown;
  /** What would have been accepted, in words. */
  readonly allowed: string;
}

const SECRET = /pass|secret|token|key$|cookie|credential/i;

function shown(option: string, value: unknown): string {
  if (SECRET.test(option)) return '<hidden>';
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

function describe(option: string, value: unknown, allowed: string): InvalidOption & { readonly text: string } {
  const hidden = SECRET.test(option) ? '<hidden>' : value;
  const text = `INVALID_OPTION: ${option} is ${shown(option, value)}; allowed: ${allowed}`;
  return { code: 'INVALID_OPTION', option, value: hidden, allowed, text };
}

/** A value of the wrong type. */
export function invalidType(option: string, value: unknown, allowed: string): TypeError & InvalidOption {
  const { text, ...facts } = describe(option, value, allowed);
  return Object.assign(new TypeError(text), facts);
}

/** A value of the right type that lies outside of what is possible, alone or together with another option. */
export function invalidRange(option: string, value: unknown, allowed: string): RangeError & InvalidOption {
  const { text, ...facts } = describe(option, value, allowed);
  return Object.assign(new RangeError(text), facts);
}

export function requireText(option: string, value: unknown): string {
  if (typeof value !== 'string') throw invalidType(option, value, 'a string');
  if (value === '') throw invalidRange(option, value, 'a string that is not empty');
  return value;
}

/** How `-----BEGIN` begins in base64, as a kubeconfig and a Secret of Kubernetes hold certificates and keys. */
const PEM_AS_BASE64 = 'LS0tLS1CRUdJT';

/** PEM text or a path. What is neither would be shown as the name of a file that cannot be read, and may be a key. */
export function requirePem(option: string, value: unknown): string {
  const text = requireText(option, value);
  if (!text.startsWith(PEM_AS_BASE64)) return text;
  throw invalidRange(option, '<hidden>', 'PEM text or the path of a file, not PEM as base64');
}

export interface NumberLimits {
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
}

/** A whole number within limits, both included. */
export function requireWhole(option: string, value: unknown, { min, max, unit = '' }: NumberLimits): number {
  const allowed = `a whole number from ${min} to ${max}${unit && ` ${unit}`}`;
  if (typeof value !== 'number') throw invalidType(option, value, allowed);
  if (!Number.isInteger(value) || value < min || value > max) throw invalidRange(option, value, allowed);
  return value;
}

export function requireOneOf<const T extends string>(option: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw invalidRange(option, value, allowed.map((each) => `'${each}'`).join(' | '));
  return found;
}

/** Refuses option names that do not exist, so that a misspelt one is never silently ignored. */
export function requireKnown(options: object, known: readonly string[], of: string): void {
  const stranger = Object.keys(options).find((name) => !known.includes(name));
  if (stranger !== undefined) throw invalidType(stranger, 'given', `one of ${of}'s options: ${known.join(', ')}`);
}

/** Why it cannot be used as an optional `signal`, e.g. a controller in place of its signal; undefined when it can. */
export function signalProblem(value: unknown): (TypeError & InvalidOption) | undefined {
  const fits = value === undefined || value instanceof AbortSignal;
  return fits ? undefined : invalidType('signal', value, 'an AbortSignal');
}
