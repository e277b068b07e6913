import type { DaemonEvent } from '../../daemon/index.js';
import type { Actor } from '../actor.js';
import type { NodeFact } from '../facts.js';
import type { Court, Oracle } from './oracle.js';
import { graceMs, grantedMs, watchRemovals } from './removal.js';

const C1: Oracle = {
  id: 'C1',
  holds: 'no member is removed that the store has listed since before it was looked for',
  watch: (court) =>
    watchRemovals(court, ({ actor, node, listedMs }) => {
      const listed = court.truth.registrations.get(node);
      const isThere = listed !== undefined && listed.sinceMs < listedMs;
      court.check(!isThere, () => `${actor.label} removes ${node}, which is listed as ${listed?.instance}`);
    }),
};

const C2: Oracle = {
  id: 'C2',
  holds: 'a removal rests on a complete list that is not older than the grant of the lock, and was understood',
  watch: (court) =>
    watchRemovals(court, ({ actor, node, request, list, listedMs }) => {
      court.check(list?.complete === true, () => `${actor.label} removes ${node} on a list that is not complete`);
      const [unread] = list?.skipped ?? [];
      court.check(!unread, () => `${actor.label} removes ${node}, and ${unread?.key} may be its entry`);
      const isFresh = listedMs >= grantedMs(court, request);
      court.check(isFresh, () => `${actor.label} removes ${node} on a list that is older than its lock`);
    }),
};

const C3: Oracle = {
  id: 'C3',
  holds: 'nobody is removed on a list that lacks the executor, or more of the members than may be lost at once',
  watch: (court) =>
    watchRemovals(court, ({ actor, node, list }) => {
      const listed = new Set(list?.members.map((member) => member.node));
      court.check(listed.has(actor.name), () => `${actor.label} removes ${node} and is not listed itself`);
      const { members } = court.stage.daemons.daemon(actor.name).inspect().disk;
      const missing = members.filter((member) => !listed.has(member)).length;
      const base = Math.max(court.truth.record?.size ?? 0, members.length);
      court.check(missing * 2 <= base, () => `${actor.label} removes ${node}; ${missing} of ${base} are not listed`);
    }),
};

/** When each daemon last began to run or stopped, and when the network between them last changed. */
function watchDaemons({ stage }: Court) {
  const changedMs = new Map<string, number>();
  let networkMs = Number.NEGATIVE_INFINITY;
  return {
    daemon: (event: DaemonEvent): void => {
      if (event.kind === 'partitioned' || event.kind === 'healed') networkMs = stage.nowMs;
      else if ('node' in event) changedMs.set(event.node, stage.nowMs);
    },
    /** Since when the view that daemons have of each other is what it is. */
    quietSinceMs: (nodes: readonly string[]): number =>
      Math.max(networkMs, ...nodes.map((node) => changedMs.get(node) ?? Number.NEGATIVE_INFINITY)),
  };
}

const C4: Oracle = {
  id: 'C4',
  holds:
    'no executor removes itself, nor a member whose daemon its own reaches, or that of a listed member that it reaches',
  watch(court) {
    const { check, stage, truth } = court;
    const { daemon, quietSinceMs } = watchDaemons(court);
    const removals = watchRemovals(court, ({ actor, node, listedMs }) => {
      check(node !== actor.name, () => `${actor.label} removes itself`);
      const { members } = stage.daemons.daemon(node).inspect().disk;
      const isAsked = (by: string): boolean =>
        by === actor.name ||
        ((truth.registrations.get(by)?.sinceMs ?? listedMs) < listedMs && stage.daemons.reaches(actor.name, by));
      const sees = (by: string): boolean => {
        const hadTime = quietSinceMs([actor.name, by, node]) < listedMs - stage.timing.callTimeoutMs;
        return hadTime && isAsked(by) && stage.daemons.reaches(by, node) && members.includes(by);
      };
      const seenBy = stage.names.find(sees);
      check(seenBy === undefined, () => `${actor.label} removes ${node}, which runs, and ${seenBy} sees it`);
    });
    return { ...removals, daemon };
  },
};

const C5: Oracle = {
  id: 'C5',
  holds: 'nobody is removed before it was away for the whole grace, without interruption',
  watch(court) {
    const { check, stage, truth } = court;
    const goneMs = new Map<string, number>();
    let listed: ReadonlySet<string> = new Set();
    const removals = watchRemovals(court, ({ actor, node }) => {
      const awayMs = stage.nowMs - (goneMs.get(node) ?? 0);
      const neededMs = graceMs(court);
      check(awayMs >= neededMs, () => `${actor.label} removes ${node}, away for ${awayMs} of ${neededMs} ms`);
    });
    return {
      ...removals,
      store({ atMs }) {
        for (const node of listed) if (!truth.registrations.has(node)) goneMs.set(node, atMs);
        listed = new Set(truth.registrations.keys());
      },
    };
  },
};

const C8: Oracle = {
  id: 'C8',
  holds: 'a removal names the instance that was last listed under that name',
  watch(court) {
    const { truth, stage } = court;
    const registered: { readonly node: string; readonly instance: string; readonly atMs: number }[] = [];
    const removals = watchRemovals(court, ({ actor, node, request, listedMs }) => {
      const known = registered.findLast((each) => each.node === node && each.atMs < listedMs)?.instance;
      const isSame = request.instance === undefined || request.instance === known;
      court.check(isSame, () => `${actor.label} removes ${node} ${request.instance}, it was last listed as ${known}`);
    });
    return {
      ...removals,
      store: (event) => {
        if (event.kind === 'registered') registered.push(event);
        // An older copy of the store lists earlier runs again.
        if (event.kind !== 'operator') return;
        for (const [node, { instance }] of truth.registrations) registered.push({ node, instance, atMs: stage.nowMs });
      },
    };
  },
};

const C9: Oracle = {
  id: 'C9',
  holds: 'whoever removes is with a majority of the members on record that run and see each other',
  watch(court) {
    const { stage, truth, check } = court;
    const { daemon, quietSinceMs } = watchDaemons(court);
    const removals = watchRemovals(court, ({ actor, node, listedMs }) => {
      if (quietSinceMs(stage.names) >= listedMs - 2 * stage.timing.callTimeoutMs) return;
      const { members } = stage.daemons.daemon(actor.name).inspect().disk;
      // A daemon whose own view was damaged is still known to the others.
      const sees = (each: string) => stage.daemons.reaches(actor.name, each) || stage.daemons.reaches(each, actor.name);
      const seen = stage.names.filter((each) => each === actor.name || sees(each));
      const base = Math.max(truth.record?.size ?? 0, members.length);
      check(seen.length * 2 > base, () => `${actor.label} removes ${node} with ${seen.length} of ${base} members`);
    });
    return { ...removals, daemon };
  },
};

const FLAPPING = '52';

/** Since when each daemon is down that was listed when it stopped, and since when nothing else has gone wrong. */
function watchDown({ stage, truth }: Court) {
  const downMs = new Map<string, number>();
  let quietMs = 0;
  return {
    downMs,
    /** For how long this node has had the time to see it. */
    seenMs: (actor: Actor, sinceMs: number): number =>
      stage.nowMs - Math.max(sinceMs, quietMs, truth.tamperedMs, actor.cleanSinceMs, actor.stateSinceMs),
    daemon: (event: DaemonEvent): void => {
      if (!('node' in event)) return;
      const listed = truth.registrations.get(event.node)?.instance;
      const isListed = listed !== undefined && listed === stage.current(event.node)?.instance;
      if (event.kind === 'stopped' && isListed) downMs.set(event.node, stage.nowMs);
      else downMs.delete(event.node);
    },
    /** Its next run is not listed before its daemon can tell what it belongs to. */
    node: (actor: Actor, { kind }: NodeFact): void => {
      if (kind === 'crashed' || kind === 'stopping' || kind === 'ended') downMs.delete(actor.name);
    },
    struck: (fault: string): void => {
      if (fault !== FLAPPING) quietMs = stage.nowMs;
    },
  };
}

const C15: Oracle = {
  id: 'C15',
  holds: 'a member whose daemon is down while its process lives stays listed, and is offered to nobody',
  watch(court) {
    const { check, stage, truth } = court;
    const { downMs, seenMs, ...heard } = watchDown(court);
    const { ttlMs, renewalMs, callTimeoutMs } = { ...stage.traits, ...stage.timing };
    const neededMs = ttlMs + 3 * renewalMs + 6 * callTimeoutMs;
    return {
      ...heard,
      answered() {
        for (const [node, sinceMs] of downMs) {
          const actor = stage.current(node);
          if (!actor?.running || !actor.alive || seenMs(actor, sinceMs) < neededMs) continue;
          downMs.delete(node);
          const listed = truth.registrations.get(node);
          if (listed !== undefined && listed.instance !== actor.instance) continue;
          const text = () => `${actor.label} is ${listed?.state ?? 'not listed'}, and its daemon is down`;
          check(listed?.state === 'joining', text);
        }
      },
    };
  },
};

/** Whether what was known of a member was enough to remove it. */
export const CLEANUP_EVIDENCE_ORACLES: readonly Oracle[] = [C1, C2, C3, C4, C5, C8, C9, C15];
