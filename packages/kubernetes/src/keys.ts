import { createHash } from 'node:crypto';
import { FORMATION_LOCK } from '@autocluster/core/backend';

const PREFIX = 'autocluster';
/** Longest encoded part of an object's name: two of them, the prefix and the kind fit into the 253 that Kubernetes allows. */
const LONGEST_PART = 110;
const LONGEST_LABEL = 63;

/** What names an object's kind inside a cluster; the record lies in the Lease of the formation lock. */
export type Kind = 'member' | 'formation' | 'lock';

export const LABELS = {
  managedBy: 'app.kubernetes.io/managed-by',
  cluster: `${PREFIX}/cluster`,
  kind: `${PREFIX}/kind`,
} as const;

export const ANNOTATIONS = {
  /** The cluster's exact name. */
  cluster: `${PREFIX}/cluster`,
  /** The exact name of the node or lock. */
  name: `${PREFIX}/name`,
  /** A member's registration. */
  entry: `${PREFIX}/entry`,
  /** Who holds a lock, by which attempt and with which token. */
  grant: `${PREFIX}/grant`,
  /** The cluster record, on the formation lock. */
  record: `${PREFIX}/record`,
} as const;

export const isFormation = (lock: string): boolean => lock === FORMATION_LOCK;

const isPlain = (byte: number): boolean => (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a);
const HYPHEN = 0x2d;
const hex = (byte: number): string => `--${byte.toString(16).padStart(2, '0')}`;

/**
 * A name as a label of DNS, of which Kubernetes' names consist: small letters, digits and single hyphens inside stay, all other
 * bytes become `--` and two hexadecimal digits. Different names have different labels.
 */
function escaped(name: string): string {
  const bytes = Buffer.from(name);
  let out = '';
  for (const [index, byte] of bytes.entries()) {
    const next = bytes[index + 1];
    const before = bytes[index - 1];
    const isInside = before !== undefined && before !== HYPHEN && next !== undefined && isPlain(next);
    out += isPlain(byte) || (byte === HYPHEN && isInside) ? String.fromCharCode(byte) : hex(byte);
  }
  // A label starts with a letter or digit; a `0` before `--` is never part of the name.
  if (out.startsWith('0--')) out = `${hex(0x30)}${out.slice(1)}`;
  return out.startsWith('--') ? `0${out}` : out;
}

/** `---` is in no escaped name, so that a hashed one is never taken for one. */
const hashed = (name: string): string => `long---${createHash('sha256').update(name).digest('hex')}`;

export function labelOf(name: string): string {
  const label = escaped(name);
  return label.length <= LONGEST_PART ? label : hashed(name);
}

/** The value of a label of Kubernetes, which is shorter than an object's name: for selecting, never for telling apart. */
function labelValue(name: string): string {
  const label = labelOf(name);
  return label.length <= LONGEST_LABEL
    ? label
    : createHash('sha256').update(name).digest('hex').slice(0, LONGEST_LABEL);
}

/** Where everything of one cluster lies in its namespace. */
export interface Keys {
  readonly cluster: string;
  readonly formation: string;
  /** Selects the members and the record. */
  readonly selector: string;
  member(node: string): string;
  lock(name: string): string;
  labels(kind: Kind): Readonly<Record<string, string>>;
  annotations(name: string): Readonly<Record<string, string>>;
}

export const kindOfLock = (name: string): Kind => (isFormation(name) ? 'formation' : 'lock');

export function keysOf(cluster: string): Keys {
  const place = (kind: string, name: string): string => [PREFIX, labelOf(cluster), kind, labelOf(name)].join('.');
  const value = labelValue(cluster);
  return {
    cluster,
    formation: place('lock', FORMATION_LOCK),
    selector: `${LABELS.cluster}=${value},${LABELS.kind} in (member,formation)`,
    member: (node) => place('member', node),
    lock: (name) => place('lock', name),
    labels: (kind) => ({ [LABELS.managedBy]: PREFIX, [LABELS.cluster]: value, [LABELS.kind]: kind }),
    annotations: (name) => ({ [ANNOTATIONS.cluster]: cluster, [ANNOTATIONS.name]: name }),
  };
}
