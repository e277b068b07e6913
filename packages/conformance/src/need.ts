import type { Capabilities } from '@autocluster/core/backend';
import type { BackendSubject } from './subject.js';

interface NeedRule {
  /** Completes «is asked when …». */
  readonly text: string;
  readonly met: (capabilities: Capabilities, subject: BackendSubject) => boolean;
}

const need = (text: string, met: NeedRule['met']): NeedRule => ({ text, met });

/** What switches cases on: the manifest, and for the last four what the subject lets the kit get at. */
export const NEEDS = {
  explicit: need("registration: 'explicit'", ({ registration }) => registration === 'explicit'),
  platform: need("registration: 'platform'", ({ registration }) => registration === 'platform'),
  metadata: need('metadata: true', ({ metadata }) => metadata),
  'no-metadata': need('metadata: false', ({ metadata }) => !metadata),
  ttl: need('ttl: { … }', ({ ttl }) => ttl !== 'none'),
  'no-ttl': need("ttl: 'none'", ({ ttl }) => ttl === 'none'),
  linearizable: need("listConsistency: 'linearizable'", ({ listConsistency }) => listConsistency === 'linearizable'),
  ordered: need('ordered: true', ({ ordered }) => ordered),
  unordered: need('ordered: false', ({ ordered }) => !ordered),
  exclusive: need('exclusiveNames: true', ({ exclusiveNames }) => exclusiveNames),
  shared: need('exclusiveNames: false', ({ exclusiveNames }) => !exclusiveNames),
  lock: need("lock: 'advisory' | 'fenced'", ({ lock }) => lock !== 'none'),
  fenced: need("lock: 'fenced'", ({ lock }) => lock === 'fenced'),
  tokenIsRevision: need('tokenIsRevision: true', ({ tokenIsRevision }) => tokenIsRevision === true),
  atomic: need("record: 'atomic'", ({ record }) => record === 'atomic'),
  watch: need('watch: true', ({ watch }) => watch),
  watchesExpiry: need('watchesExpiry: true', ({ watchesExpiry }) => watchesExpiry === true),
  wire: need("the subject's wire is 'tcp' or 'direct'", (_, { wire }) => wire.kind !== 'none'),
  duplicates: need("the subject's wire is 'direct'", (_, { wire }) => wire.kind === 'direct'),
  forbidden: need('the subject has forbidden()', (_, { forbidden }) => forbidden !== undefined),
  restart: need('the subject has restart()', (_, { restart }) => restart !== undefined),
} as const satisfies Record<string, NeedRule>;

export type Need = keyof typeof NEEDS;

/** The first need that is not met; undefined when the case is asked. */
export const unmet = (needs: readonly Need[], capabilities: Capabilities, subject: BackendSubject): Need | undefined =>
  needs.find((each) => !NEEDS[each].met(capabilities, subject));
