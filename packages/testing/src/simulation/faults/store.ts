import { CLEANUP_LOCK, FORMATION_LOCK } from '@autocluster/core/backend';
import type { Verb } from '../../store/index.js';
import type { Actor } from '../actor.js';
import { FORMER_MEMBER } from '../heal.js';
import { JOB_LOCK } from '../jobs.js';
import type { Stage } from '../stage.js';
import { fault, type FaultKind, type Outline } from './fault.js';
import { damageRecord, DAMAGES, damageUnderLook, FOREIGN, REMOVED } from './record-damage.js';

const WRITES: readonly Verb[] = ['register', 'unregister', 'lock', 'unlock'];
const EVERYTHING: readonly Verb[] = [...WRITES, 'list'];

function forAll(
  stage: Stage,
  id: string,
  verbs: readonly Verb[],
  code: 'STORE_UNREACHABLE' | 'STORE_FAILED',
  forMs: number,
) {
  stage.strikeCalls(id, 'all', { kind: 'fail', code, verbs }, forMs);
}

function deleteLocksOf(stage: Stage, node: string): void {
  for (const lock of stage.cluster.inspect().locks) if (lock.node === node) stage.cluster.deleteLock(lock.name);
}

/** A store that may lose what nobody is there to tell it again must be given time before it counts as a new one. */
const isSettling = ({ settleMs, ttlMs }: Outline['traits']): boolean =>
  settleMs >= ttlMs / 3 + Math.min(5_000, ttlMs / 6);

/** Between what a creator has seen and what it writes. */
const CREATED = { verb: 'create', node: undefined, when: 'answered' } as const;

/** The entry of a member of a former cluster is there again, for one TTL. */
function bringBack(stage: Stage, id: string): void {
  const node = FORMER_MEMBER;
  stage.cluster.insertMember({ node, instance: 'former', identity: { clusterId: 'former-cluster', generation: 1 } });
  stage.struck(id, node);
  stage.during(stage.traits.ttlMs, () => stage.cluster.deleteMember(node));
}

function deleteEntry(stage: Stage, id: string, node: string): void {
  if (!stage.truth.registrations.has(node)) return;
  stage.cluster.deleteMember(node);
  stage.struck(id, node);
}

/** In the moment in which the executor of cleanup has taken the formation lock as well. */
function atRemoval(stage: Stage, task: (executor: string) => void): void {
  const { holders } = stage.truth;
  const check = ({ name }: Actor) => {
    const hasBoth = [CLEANUP_LOCK, FORMATION_LOCK].every((lock) => holders.get(lock)?.node === name);
    if (hasBoth) task(name);
    else atRemoval(stage, task);
  };
  stage.atNext({ verb: 'lock', node: undefined, when: 'answered' }, check, stage.plan.healAtMs);
}

/** What happens to the store as a whole, and what people do to it. */
export const STORE_FAULTS: readonly FaultKind[] = [
  fault('1', {
    title: 'the store changes its leader: writes fail, leases live longer',
    draw: ({ random }) => ({ forMs: 200 + random.next() * 4_800 }),
    strike(stage, { forMs }, id) {
      forAll(stage, id, WRITES, 'STORE_UNREACHABLE', forMs);
      stage.store.prolong(forMs);
    },
  }),
  fault('2', {
    title: 'the store has no quorum for longer than a TTL',
    draw: ({ random, traits, chance }) => ({ forMs: traits.ttlMs * (1.1 + random.next()), prolongs: chance(0.7) }),
    strike(stage, { forMs, prolongs }, id) {
      forAll(stage, id, EVERYTHING, 'STORE_UNREACHABLE', forMs);
      if (prolongs) stage.store.prolong(forMs);
    },
  }),
  fault('7', {
    title: 'every watch breaks',
    fits: ({ store }) => store !== 'plain',
    draw: () => ({}),
    strike(stage, _, id) {
      for (const actor of stage.living) actor.client.faults.breakWatches();
      stage.struck(id, 'all');
    },
  }),
  fault('8', {
    title: 'a watch stays open and tells nothing any more',
    fits: ({ store }) => store !== 'plain',
    draw: ({ node, ttls }) => ({ node: node(), forMs: ttls(4) }),
    strike(stage, { node, forMs }, id) {
      const actor = stage.current(node);
      if (!actor) return;
      stage.strikeCalls(id, actor, { kind: 'drop-reply', verbs: ['watch'] }, forMs);
      actor.client.faults.breakWatches();
    },
  }),
  fault('13', {
    title: 'the store has too much to do and refuses many calls',
    draw: ({ ttls, random }) => ({ forMs: ttls(2), chance: 0.3 + random.next() * 0.6 }),
    strike: (stage, { forMs, chance }, id) =>
      stage.strikeCalls(id, 'all', { kind: 'fail', code: 'STORE_FAILED', verbs: EVERYTHING, chance }, forMs),
  }),
  fault('14', {
    title: 'the store is full: it renews, and takes nothing new',
    draw: ({ ttls }) => ({ forMs: ttls(2) }),
    strike: (stage, { forMs }, id) =>
      stage.strikeCalls(id, 'all', { kind: 'fail', code: 'STORE_FULL', verbs: ['lock', 'unlock'] }, forMs),
  }),
  fault('15', {
    title: 'the store grants another TTL than was asked for',
    draw: ({ traits, pick }) => ({ ttlMs: Math.round(traits.ttlMs * pick([0.5, 0.8, 2])) }),
    strike(stage, { ttlMs }, id) {
      stage.struck(id, `${ttlMs} ms`);
      if (ttlMs > stage.traits.ttlMs) stage.truth.prolongedMs += ttlMs;
      stage.store.limitTtl({ minMs: ttlMs, maxMs: ttlMs, stepMs: 1 });
      stage.during(2 * stage.traits.ttlMs, () => stage.store.limitTtl(stage.store.capabilities.ttl));
    },
  }),
  fault('16', {
    title: 'all leases end at once',
    draw: () => ({}),
    strike(stage, _, id) {
      const { members, locks } = stage.cluster.inspect();
      for (const { registration } of members) stage.cluster.deleteMember(registration.node);
      for (const { name } of locks) stage.cluster.deleteLock(name);
      stage.struck(id, 'all');
    },
  }),
  fault('17', {
    title: 'the lease of one lock is revoked early',
    draw: ({ pick }) => ({ lock: pick([FORMATION_LOCK, JOB_LOCK]) }),
    strike(stage, { lock }, id) {
      if (!stage.truth.holders.has(lock)) return;
      stage.cluster.deleteLock(lock);
      stage.struck(id, lock);
    },
  }),
  fault('18', {
    title: 'somebody deletes an entry',
    draw: ({ node, chance }) => ({ node: node(), underRemoval: chance(0.3) }),
    strike(stage, { node, underRemoval }, id) {
      if (underRemoval) return atRemoval(stage, (executor) => deleteEntry(stage, id, executor));
      deleteEntry(stage, id, node);
    },
  }),
  fault('18a', {
    title: 'somebody deletes the record',
    fits: isSettling,
    draw: ({ chance }) => ({ whileCreating: chance(0.3) }),
    strike(stage, { whileCreating }, id) {
      const remove = () => {
        if (!stage.truth.record) return;
        stage.cluster.deleteRecord();
        stage.struck(id, 'the record');
      };
      if (whileCreating) stage.atNext(CREATED, remove, stage.plan.healAtMs);
      else remove();
    },
  }),
  fault('19', {
    title: 'the store is empty, and another one by its identity',
    fits: isSettling,
    draw: () => ({}),
    strike(stage, _, id) {
      stage.store.wipe();
      stage.struck(id, 'all');
    },
  }),
  fault('20', {
    title: 'the store goes back to a backup',
    fits: isSettling,
    draw: ({ ttls, chance }) => ({ afterMs: ttls(3), whileCreating: chance(0.2) }),
    strike(stage, { afterMs, whileCreating }, id) {
      const backup = stage.store.snapshot();
      const restore = () => {
        stage.store.restore(backup);
        stage.struck(id, 'all');
      };
      if (whileCreating) stage.atNext(CREATED, restore, stage.plan.healAtMs);
      else stage.during(afterMs, restore);
    },
  }),
  fault('21', {
    title: 'another store answers in its place for a while',
    fits: isSettling,
    draw: ({ ttls }) => ({ forMs: ttls(2) }),
    strike(stage, { forMs }, id) {
      const before = stage.store.snapshot();
      stage.store.wipe();
      stage.struck(id, 'all');
      stage.during(forMs, () => stage.store.restore(before));
    },
  }),
  fault('22', {
    title: 'the agent of one node restarts: its sessions vanish before their TTL',
    draw: ({ node, random }) => ({ node: node(), forMs: random.next() * 10_000 }),
    strike(stage, { node, forMs }, id) {
      const actor = stage.current(node);
      if (!actor) return;
      stage.cluster.deleteMember(node);
      deleteLocksOf(stage, node);
      stage.strikeCalls(id, actor, { kind: 'fail', code: 'STORE_UNREACHABLE', verbs: EVERYTHING }, forMs);
    },
  }),
  fault('28', {
    title: 'something that is not ours, or nonsense, lies in the store',
    draw: ({ node, pick }) => ({ node: node(), what: pick(['entry', 'foreign', 'huge', 'former']) }),
    strike(stage, { node, what }, id) {
      if (what === 'former') return stage.atNext(CREATED, () => bringBack(stage, id), stage.plan.healAtMs);
      if (what === 'entry') stage.cluster.corruptMember(node);
      else stage.cluster.insertForeign(what === 'huge' ? `x/../${'y'.repeat(5_000)}` : 'not/ours', '\u0000 not JSON');
      stage.struck(id, what);
    },
  }),
  fault('28b', {
    title: 'the record is damaged for a while',
    draw: ({ pick, ttls, traits }) => ({
      // Processes without data are removed by nobody.
      text: pick([...DAMAGES, ...(traits.daemon === 'durable' ? [REMOVED, REMOVED] : [FOREIGN, FOREIGN])]),
      forMs: ttls(2),
    }),
    strike: (stage, { text, forMs }, id) => {
      if (text === REMOVED) damageUnderLook(stage, id, forMs);
      else damageRecord(stage, id, text, forMs);
    },
  }),
  fault('29', {
    title: 'the clock of the store jumps: leases end too late',
    draw: ({ ttls }) => ({ byMs: ttls(2) }),
    strike(stage, { byMs }, id) {
      stage.store.prolong(byMs);
      stage.struck(id, `${byMs} ms`);
    },
  }),
  fault('57', {
    title: 'a newer version of the library has written fields of its own into the record',
    draw: () => ({}),
    strike(stage, _, id) {
      const { recordText, record } = stage.cluster.inspect();
      if (recordText === undefined || record.kind !== 'present') return;
      // A newer version takes the lock as we do, and writes nothing into the record of another cluster.
      const { holders, committed } = stage.truth;
      if (holders.has(FORMATION_LOCK) || !committed.has(record.record.clusterId)) return;
      stage.struck(id, 'the record');
      const fields: unknown = JSON.parse(recordText);
      const newer = { 'zone-rules': 'v2', version: record.record.version + 1 };
      if (typeof fields === 'object') stage.cluster.overwriteRecord(JSON.stringify({ ...fields, ...newer }));
    },
  }),
  fault('57a', {
    title: 'the record has a format that only a newer version understands, for a while',
    draw: ({ ttls }) => ({ forMs: ttls(2) }),
    strike: (stage, { forMs }, id) => damageRecord(stage, id, '{"format":99}', forMs),
  }),
];
