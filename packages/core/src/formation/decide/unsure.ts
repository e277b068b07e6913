import type { InstanceId, Registration } from '../../backend/index.js';
import { isOld, propagationMs } from '../config.js';
import { storeChangedLately } from '../memory.js';
import { askedAtMsOf } from '../observation.js';
import { isDisowned } from '../situation.js';
import { type Case, heldFor, type Look, NAME_HELD, type Outcome, type Row, wait } from './decision.js';

const waitUnlessFormed = (formed: boolean, outcome: Outcome): Outcome => (formed ? { kind: 'stay' } : outcome);

const ownEntries = ({ config, s }: Case): readonly Registration[] =>
  s.list.members.filter(({ node }) => node === config.self);

const isOwnInstance = ({ observation: { announced } }: Case, instance: InstanceId): boolean =>
  announced?.instance === undefined || announced.instance === instance;

/** Rows for what is not known: nothing is written and nobody is joined. */
export const UNKNOWN_ROWS: readonly Row<Look>[] = [
  // Also while the store does not answer: whatever reaches it from now on must not offer what the daemon has lost.
  {
    row: '3',
    when: ({ formed, observation }) => formed && isDisowned(observation),
    outcome: () => ({ kind: 'demote' }),
  },
  // As below, of a daemon that cannot tell its membership while it is down.
  {
    row: '4b',
    when: (c) =>
      c.formed &&
      c.observation.own.kind === 'unknown' &&
      c.observation.listing.kind === 'listed' &&
      heldFor(c, 'down') >= c.config.ttlMs,
    outcome: () => ({ kind: 'demote' }),
  },
  {
    row: '0',
    when: ({ observation }) => observation.own.kind === 'unknown',
    outcome: ({ formed, observation: { own } }) => {
      const cause = own.kind === 'unknown' ? { cause: own.cause, text: own.text } : {};
      return waitUnlessFormed(formed, wait('own-daemon-unknown', 'the own daemon answers', cause));
    },
  },
  {
    row: '1',
    when: ({ observation }) => observation.listing.kind === 'failed',
    outcome: ({ formed, observation: { listing } }) => {
      const cause = listing.kind === 'failed' ? { cause: listing.cause, text: listing.text } : {};
      return waitUnlessFormed(formed, wait('store-unreachable', 'the store answers a list', cause));
    },
  },
];

export const UNSURE_ROWS: readonly Row<Case>[] = [
  {
    row: '1',
    when: ({ s }) => !s.list.complete,
    outcome: ({ formed }) => waitUnlessFormed(formed, wait('list-incomplete', 'the store answers a complete list')),
  },
  {
    row: '1',
    when: ({ config, observation }) => isOld(config, askedAtMsOf(observation), observation.nowMs),
    outcome: ({ formed }) => waitUnlessFormed(formed, wait('list-stale', 'a list arrives in time', { retryMs: 0 })),
  },
  {
    row: '1',
    when: ({ config, memory, observation }) => storeChangedLately(config, memory, observation.nowMs),
    outcome: ({ formed, config }) =>
      waitUnlessFormed(
        formed,
        wait('list-stale', 'members had time to register again in a store that changed', {
          retryMs: propagationMs(config),
        }),
      ),
  },
  // Where not even we are listed, others may be missing too; and where another run of our name is, it has taken our place.
  {
    row: '1',
    when: (c) =>
      !c.formed &&
      c.config.registration === 'explicit' &&
      c.observation.announced !== undefined &&
      !ownEntries(c).some(({ instance }) => isOwnInstance(c, instance)),
    outcome: (c) =>
      ownEntries(c).length > 0 ? NAME_HELD : wait('list-stale', 'the list shows the registration of this node'),
  },
  {
    row: '2',
    when: ({ s }) => s.list.record.kind === 'unreadable',
    outcome: ({ formed }) =>
      formed
        ? { kind: 'stay', notice: 'record.unreadable' }
        : wait('record-unreadable', 'the record is repaired or a newer version runs here', {
            cause: 'RECORD_UNREADABLE',
          }),
  },
];
