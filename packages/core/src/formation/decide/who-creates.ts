import { propagationMs } from '../config.js';
import { lastKnown, settlingMs } from '../memory.js';
import { type Case, heldFor, type Outcome, type Row, wait } from './decision.js';

/**
 * How often a node that waits for a silence listens, in ms. A cluster that was formed and lost to a backup between two looks
 * was never there for who made both.
 */
const LISTENS_EVERY_MS = 1_000;

const listening = (leftMs: number): number => Math.max(1, Math.min(leftMs, LISTENS_EVERY_MS));

const reset = ({ s }: Case): boolean => s.own.kind !== 'blank';

/** A cluster is on record and nobody of it is there: it is replaced only where that is allowed, and after a long silence. */
function nobodyAlive(c: Case): Outcome {
  const { record } = c.s;
  const cluster = lastKnown(record, c.memory.seen);
  const { whenNobodyAlive } = c.config;
  const replaces = (generation: number) =>
    whenNobodyAlive === 'resume' || (typeof whenNobodyAlive === 'object' && whenNobodyAlive.recreate === generation);
  if (!cluster || !replaces(cluster.generation)) return wait('nobody-alive', 'a member of the cluster is there');
  const neededMs = Math.max(settlingMs(c.config, c.memory), propagationMs(c.config));
  const silentMs = heldFor(c, 'nobody');
  // A store that went back may say of a cluster that runs that nobody is there, and the dead hold the names of its members. And
  // a record that has vanished since says nothing of what came after it.
  const isIdle = record?.idle === true && cluster === record && c.memory.storeChangedAtMs === undefined;
  if (!isIdle && silentMs < neededMs) {
    const retryMs = listening(neededMs - Math.max(0, silentMs));
    return wait('nobody-alive', `a member is there, or none was for ${neededMs} ms`, { retryMs });
  }
  return { kind: 'create', generation: cluster.generation + 1, reset: reset(c) };
}

function firstCreate(c: Case): Outcome {
  const { nodesExpectedMin } = c.config;
  if (c.s.list.members.length < nodesExpectedMin) {
    return wait('too-few-members', `${nodesExpectedMin} nodes are listed; now ${c.s.list.members.length}`);
  }
  const neededMs = settlingMs(c.config, c.memory);
  const settledMs = heldFor(c, 'settled');
  if (neededMs > 0 && settledMs < neededMs) {
    const retryMs = listening(neededMs - Math.max(0, settledMs));
    return wait('settling', `nothing speaks against a new cluster for ${neededMs} ms`, { retryMs });
  }
  return { kind: 'create', generation: 1, reset: reset(c) };
}

/**
 * Who creates when several start at once: every blank node that sees no cluster comes here, asks for the formation lock, and
 * decides again under it from a new list. The one that holds the lock first creates; the others then see its record.
 */
export const CREATE_ROWS: readonly Row<Case>[] = [
  { row: '23', when: ({ s }) => s.record !== undefined, outcome: nobodyAlive },
  { row: '24a', when: ({ memory }) => memory.seen !== undefined, outcome: nobodyAlive },
  { row: '25', when: () => true, outcome: firstCreate },
];
