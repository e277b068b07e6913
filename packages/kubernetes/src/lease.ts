import { CallFailure } from './errors.js';

export type Fields = Readonly<Record<string, unknown>>;
export type Texts = Readonly<Record<string, string>>;

/** A Lease of `coordination.k8s.io/v1` as the API server told it. */
export interface Lease {
  readonly name: string;
  readonly uid: string;
  /** Another one after every change; those of one store grow. */
  readonly resourceVersion: string;
  readonly labels: Texts;
  readonly annotations: Texts;
  /** Empty: nobody. */
  readonly holder: string;
  /** How long the holder may be silent, in ms; 0 when the Lease does not say. */
  readonly durationMs: number;
  readonly transitions: number;
  /** Everything, for writing it back: fields that we do not know stay as they are. */
  readonly raw: { readonly metadata: Fields; readonly spec: Fields };
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const fieldsIn = (value: unknown): Fields => (isFields(value) ? value : {});
export const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
export const countIn = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;

export function textsIn(value: unknown): Texts {
  const texts = Object.entries(fieldsIn(value)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(texts);
}

export function readLease(value: unknown): Lease {
  const fields = fieldsIn(value);
  const metadata = fieldsIn(fields['metadata']);
  const spec = fieldsIn(fields['spec']);
  const [name, uid, resourceVersion] = ['name', 'uid', 'resourceVersion'].map((each) => textIn(metadata[each]));
  if (!name || !uid || !resourceVersion || !/^\d+$/.test(resourceVersion)) {
    throw new CallFailure('failed', 'the answer is no Lease');
  }
  return {
    name,
    uid,
    resourceVersion,
    labels: textsIn(metadata['labels']),
    annotations: textsIn(metadata['annotations']),
    holder: textIn(spec['holderIdentity']),
    durationMs: countIn(spec['leaseDurationSeconds']) * 1000,
    transitions: countIn(spec['leaseTransitions']),
    raw: { metadata, spec },
  };
}

/** What a write changes of a Lease; what it does not name stays. */
export interface LeaseChange {
  readonly labels?: Texts;
  readonly annotations?: Texts;
  readonly spec?: Fields;
  readonly owners?: readonly Fields[] | undefined;
}

const KIND = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;

export function newLease(name: string, { labels = {}, annotations = {}, spec = {}, owners }: LeaseChange): Fields {
  const owned = owners === undefined ? {} : { ownerReferences: owners };
  return { ...KIND, metadata: { name, labels, annotations, ...owned }, spec };
}

/** The whole object with its `uid` and `resourceVersion`, so that the write holds for exactly this state of this Lease. */
export function changedLease({ raw, labels, annotations }: Lease, change: LeaseChange): Fields {
  const { managedFields: _theirs, ...metadata } = raw.metadata;
  return {
    ...KIND,
    metadata: {
      ...metadata,
      labels: { ...labels, ...change.labels },
      annotations: { ...annotations, ...change.annotations },
      ...(change.owners === undefined ? {} : { ownerReferences: change.owners }),
    },
    spec: { ...raw.spec, ...change.spec },
  };
}
