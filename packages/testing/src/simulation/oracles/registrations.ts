import type { RegisterRequest, Registration } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { Call } from '../facts.js';
import type { Oracle } from './oracle.js';
import { toldIn } from './told.js';

const R1: Oracle = {
  id: 'R1',
  holds: 'one run of a process registers as one instance, and has one entry',
  watch({ check, truth }) {
    const instances = new Map<Actor, string>();
    return {
      sent({ actor, verb, request }) {
        if (verb !== 'register') return;
        const { instance, node } = request as RegisterRequest;
        const before = instances.get(actor) ?? instance;
        instances.set(actor, instance);
        check(before === instance && node === actor.name, () => `${actor.label} registers as ${node} ${instance}`);
      },
      end() {
        const all = [...truth.registrations.values()].map(({ instance }) => instance);
        check(new Set(all).size === all.length, () => `an instance has two entries: ${all.join(', ')}`);
      },
    };
  },
};

const R2: Oracle = {
  id: 'R2',
  holds: 'a node removes only the entry of its own instance',
  watch({ check, truth }) {
    const asked = new Set<string>();
    const listed = new Map<string, string>();
    return {
      sent({ actor, verb, request }) {
        if (verb !== 'unregister') return;
        const { instance, node } = request as Registration;
        asked.add(instance);
        const own = actor.instance === instance && node === actor.name;
        check(own, () => `${actor.label} removes the entry of ${node} ${instance}`);
      },
      store(event) {
        if (event.kind === 'registered') listed.set(event.node, event.instance);
        if (event.kind === 'operator') {
          listed.clear();
          for (const [node, { instance }] of truth.registrations) listed.set(node, instance);
        }
        if (event.kind !== 'unregistered') return;
        const own = asked.has(event.instance) && (listed.get(event.node) ?? event.instance) === event.instance;
        check(own, () => `the entry of ${event.node} ${listed.get(event.node)} went, and it had not asked for that`);
      },
    };
  },
};

const R3: Oracle = {
  id: 'R3',
  holds: 'no failure of the store makes a healthy node unregister or stop: it is listed again',
  watch({ check, truth, stage }) {
    const unregistered = new Set<Actor>();
    const sent = ({ actor, verb }: Call) => {
      if (verb === 'unregister') unregistered.add(actor);
    };
    const end = () => {
      for (const actor of unregistered) check(!actor.alive, () => `${actor.label} lives on and has unregistered`);
      for (const actor of stage.living) {
        const cleanMs = stage.nowMs - Math.max(actor.cleanSinceMs, stage.plan.healAtMs, actor.launchedMs);
        if (cleanMs < stage.timing.latestTakeoverMs + stage.timing.renewalMs + 2 * stage.timing.callTimeoutMs) continue;
        if (actor.state.kind === 'waiting' && actor.state.reason === 'name-held') continue;
        const entry = truth.registrations.get(actor.name);
        check(entry?.instance === actor.instance, () => `${actor.label} lives and is not listed`);
      }
    };
    return { sent, end };
  },
};

/** What makes the store one that knows nothing of what was done. */
const ANOTHER_STORE: ReadonlySet<string> = new Set(['wipe', 'restore']);

/** The fault by which a call goes to another store than those of all others. */
const ELSEWHERE = '26';

const R4: Oracle = {
  id: 'R4',
  holds: 'nothing brings an entry back after its removal was answered',
  watch({ check }) {
    const removed = new Set<string>();
    const elsewhere = new WeakSet<Call>();
    let last: Call | undefined;
    return {
      sent: (call) => void (last = call),
      // Sent to another store: this one knows nothing of the removal, and takes a late copy for what it is not.
      struck(fault, about) {
        if (fault === ELSEWHERE && last?.actor.label === about) elsewhere.add(last);
      },
      answered(call) {
        const { verb, request, end } = call;
        if (verb !== 'unregister' || end?.kind !== 'resolved' || elsewhere.has(call)) return;
        removed.add((request as Registration).instance);
      },
      store(event) {
        // Another store, or an older copy of it, knows nothing of the removal; what reaches it late lapses there.
        if (event.kind === 'operator' && ANOTHER_STORE.has(event.action)) removed.clear();
        if (event.kind !== 'registered') return;
        check(!removed.has(event.instance), () => `${event.node} ${event.instance} is back after its removal`);
      },
    };
  },
};

/** A store that takes nothing may keep its leases: so much of a gap between two writes counts at most, in ms. */
const GAP_MS = 5_000;

const R5: Oracle = {
  id: 'R5',
  holds: 'the entry of a process that is gone goes too, within the latest takeover',
  watch: (court) => {
    const { check, truth, stage } = court;
    const log = toldIn(court);
    const gone = new Map<string, { readonly atMs: number; readonly servedMs: number }>();
    const withdrawn = new Set<Actor>();
    let [wroteMs, servedMs, tamperedMs] = [0, 0, Number.NEGATIVE_INFINITY];
    const judge = (sinceOf: (end: { readonly atMs: number; readonly servedMs: number }) => number) => {
      const boundMs = stage.timing.latestTakeoverMs + truth.prolongedMs + 20_000;
      for (const [node, { instance }] of truth.registrations) {
        const end = gone.get(instance);
        const sinceMs = end ? sinceOf(end) : 0;
        check(sinceMs <= boundMs, () => `${node} ${instance} is listed ${sinceMs} ms after its end`);
      }
    };
    return {
      node(actor, fact) {
        if (fact.kind !== 'crashed' && fact.kind !== 'ended') return;
        if (actor.instance === undefined) return;
        gone.set(actor.instance, { atMs: stage.nowMs, servedMs });
        const isListed = truth.registrations.get(actor.name)?.instance === actor.instance;
        const knows = log.of(actor).registered === 'registered';
        const hasAsked = actor.crashed || !isListed || !knows || withdrawn.has(actor);
        check(hasAsked, () => `${actor.label} has ended, and did not ask for the removal of its entry`);
      },
      sent({ actor, verb }) {
        if (verb === 'unregister') withdrawn.add(actor);
      },
      store(event) {
        // A backup that came back has its entries for as long again.
        if (event.kind === 'operator') tamperedMs = servedMs;
      },
      answered({ verb, end }) {
        if ((verb !== 'lock' && verb !== 'register') || end?.kind !== 'resolved') return;
        servedMs += Math.min(GAP_MS, stage.nowMs - wroteMs);
        wroteMs = stage.nowMs;
        judge((end) => servedMs - Math.max(end.servedMs, tamperedMs));
      },
      end: () => judge((end) => stage.nowMs - Math.max(end.atMs, stage.plan.healAtMs)),
    };
  },
};

const R6: Oracle = {
  id: 'R6',
  holds: 'nodes that started together do not renew together',
  watch({ check, stage }) {
    const { traits, timing } = stage;
    const windowMs = timing.renewalMs / 100;
    const recent: { readonly atMs: number; readonly actor: Actor }[] = [];
    let disturbedMs = 0;
    return {
      struck: () => void (disturbedMs = stage.nowMs),
      node(_, fact) {
        if (fact.kind !== 'state') return;
        disturbedMs = stage.nowMs;
      },
      sent({ actor, verb, request }) {
        if (verb !== 'register' || !isRenewal(request as RegisterRequest)) return;
        const { nowMs } = stage;
        // Who waits proves its entry right before it acts, at a moment for which all wait.
        if (actor.state.kind === 'waiting' || traits.nodes < 6 || nowMs - disturbedMs < 2 * timing.renewalMs) return;
        recent.push({ atMs: nowMs, actor });
        while ((recent[0]?.atMs ?? nowMs) < nowMs - windowMs) recent.shift();
        const together = new Set(recent.map((each) => each.actor)).size;
        check(together < traits.nodes, () => `${together} nodes renew within ${windowMs} ms`);
      },
    };
  },
};

/** Nothing new is told. */
const isRenewal = ({ held, state, recordVersion }: RegisterRequest): boolean =>
  held?.state === state && held.recordVersion === recordVersion;

export const REGISTRATION_ORACLES: readonly Oracle[] = [R1, R2, R3, R4, R5, R6];
