import {
  type Backend,
  ClusterError,
  encodeRecord,
  type LockGrant,
  type LockRequest,
  type MemberList,
} from '@autocluster/core/backend';
import { pause, systemRuntime } from '@autocluster/core/runtime';
import { type BadBackend, trueGrant, withGrant } from './bad-backends.js';

const NEVER = new AbortController().signal;
const soon = (): Promise<void> => pause(systemRuntime, 5, NEVER);

/** What all clients of a store have in common. */
function shared<T extends object>(make: () => T): (key: object) => T {
  const known = new WeakMap<object, T>();
  return (key) => {
    const found = known.get(key) ?? make();
    known.set(key, found);
    return found;
  };
}

/** The end of each lock by a clock of those who hold it. */
const locksByClock = (title: string, nowMs: (call: Parameters<Backend['lock']>[1]) => number, fails: string[]) => {
  const ends = new Map<string, number>();
  const bad: BadBackend = {
    title,
    verbs: (good, hands) => ({
      async lock(request, options) {
        const key = `${good.cluster} ${request.name}`;
        if ((ends.get(key) ?? Infinity) < nowMs(options)) hands.deleteLock(request.name);
        const outcome = await good.lock(request, options);
        if (outcome.kind === 'held') ends.set(key, nowMs(options) + outcome.grant.ttlMs);
        return outcome;
      },
    }),
    fails,
  };
  return bad;
};

/** Settles as a call does whose caller has given up; what comes later is dealt with then. */
function unlessGivenUp<T>(work: Promise<T>, signal: AbortSignal, late: (answer: T) => Promise<unknown>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new ClusterError('ABORTED', 'given up')));
    if (signal.aborted) reject(new ClusterError('ABORTED', 'given up'));
    void work.then((answer) => (signal.aborted ? late(answer).catch(() => undefined) : resolve(answer)), reject);
  });
}
const patient = <T extends object>(options: T) => ({ ...options, signal: NEVER, timeoutMs: 10_000 });

const heldBy = shared(() => new Map<string, { readonly request: LockRequest; readonly grant: LockGrant }>());
const counters = shared(() => ({ base: 0n, sawRecord: false }));
const told = shared(() => new Set<() => void>());
const named = new Map<string, object>();
const clusterOf = (cluster: string): object => {
  const found = named.get(cluster) ?? {};
  named.set(cluster, found);
  return found;
};

/** Mistakes that show only when several things come together. */
export const SUBTLE_BACKENDS: readonly BadBackend[] = [
  locksByClock('the end of a lock is stored by the clock of a machine', ({ clock }) => clock.monotonicMs(), [
    'TIME-008',
  ]),
  locksByClock('the end of a lock is stored by the wall clock of a process', () => Date.now(), ['TIME-009']),
  {
    title: 'a contender is told to wait for the whole TTL, and not of a release',
    verbs: (good) => ({
      async lock(request, options) {
        const outcome = await good.lock(request, options);
        return outcome.kind === 'busy'
          ? { kind: 'busy', holder: outcome.holder, retryAfterMs: request.ttlMs }
          : outcome;
      },
    }),
    fails: ['LOCK-017'],
  },
  {
    title: 'a renewal writes what differs from held, not from the store',
    verbs: (good) => ({
      async register(request, options) {
        const { held } = request;
        if (held === undefined) return good.register(request, options);
        const { members, record } = await good.list(options);
        const stored = members.find(({ node, instance }) => node === request.node && instance === request.instance);
        const fields = ['state', 'identity', 'recordVersion', 'metadata'] as const;
        const isSame = fields.every((each) => JSON.stringify(held[each]) === JSON.stringify(request[each]));
        if (stored === undefined || !isSame) return good.register(request, options);
        return { kind: 'registered', registration: held, record };
      },
    }),
    fails: ['REG-017'],
  },
  {
    title: 'a renewal of a lock compares the instance only',
    verbs: (good) => {
      const holders = heldBy(clusterOf(good.cluster));
      return {
        async lock(request, options) {
          const now = holders.get(request.name);
          const isTheirs = request.held && now && now.request.instance === request.instance;
          const real = isTheirs ? { ...now.request, held: now.grant } : request;
          const outcome = await good.lock(real, options);
          if (outcome.kind !== 'held') return outcome;
          holders.set(request.name, { request: real, grant: outcome.grant });
          return { kind: 'held', grant: { ...outcome.grant, attempt: request.attempt } };
        },
      };
    },
    fails: ['LOCK-018'],
  },
  {
    title: 'a lock whose answer comes late is given back',
    verbs: (good) => ({
      lock: (request, options) =>
        unlessGivenUp(good.lock(request, patient(options)), options.signal, async (late) =>
          late.kind === 'held' ? good.unlock(late.grant, patient(options)) : undefined,
        ),
    }),
    fails: ['LATE-010'],
  },
  {
    title: 'a registration whose answer comes late is removed',
    verbs: (good) => ({
      register: (request, options) =>
        unlessGivenUp(good.register(request, patient(options)), options.signal, async (late) =>
          late.kind === 'registered' ? good.unregister(late.registration, patient(options)) : undefined,
        ),
    }),
    fails: ['LATE-010'],
  },
  {
    title: 'a record that could not be asked for is absent',
    verbs: (good) => ({
      async list(options) {
        const list = await good.list(options);
        const absent: Pick<MemberList, 'record'> = { record: { kind: 'absent' } };
        const { record } = await good.list(options).catch(() => absent);
        return { ...list, record };
      },
    }),
    fails: ['LIST-008'],
  },
  {
    title: 'a commit releases the lock before it writes the record',
    verbs: (good, hands) => ({
      async unlock(grant, options) {
        const { record, ...call } = options;
        if (record === undefined || grant.name !== 'formation') return good.unlock(grant, options);
        const outcome = await good.unlock(grant, call);
        if (outcome.kind === 'lost') return good.unlock(grant, options);
        await soon();
        hands.overwriteRecord(encodeRecord(record));
        return outcome;
      },
    }),
    fails: ['UNLOCK-011', 'LATE-003'],
  },
  {
    title: 'tokens start again with the record',
    verbs: (good, hands) => {
      const counter = counters(clusterOf(good.cluster));
      return {
        async lock(request, options) {
          const real = request.held ? { ...request, held: trueGrant(request.held) } : request;
          return withGrant(await good.lock(real, options), (grant) => {
            const isAbsent = hands.inspect().record.kind === 'absent';
            if (isAbsent && counter.sawRecord) counter.base = grant.token - 1n;
            return { ...grant, token: grant.token - counter.base };
          });
        },
        unlock(grant, options) {
          counter.sawRecord ||= options.record !== undefined;
          return good.unlock(trueGrant(grant), options);
        },
      };
    },
    capabilities: { tokenIsRevision: false },
    fails: ['LOCK-019'],
  },
  {
    title: 'revisions and tokens are claimed to be of one order',
    verbs: (good) => ({
      list: async (options) => ({ ...(await good.list(options)), revision: 1n }),
    }),
    fails: ['LOCK-020'],
  },
  {
    title: 'a watch is claimed to tell of what ends',
    verbs: (good) => {
      const listeners = told(clusterOf(good.cluster));
      const tell = <T>(answer: T): T => {
        for (const listener of listeners) listener();
        return answer;
      };
      return {
        register: async (request, options) => tell(await good.register(request, options)),
        unregister: async (registration, options) => tell(await good.unregister(registration, options)),
        unlock: async (grant, options) => tell(await good.unlock(grant, options)),
        async *watch(options) {
          let changed = false;
          const listener = () => void (changed = true);
          listeners.add(listener);
          try {
            for await (const hint of good.watch?.(options) ?? []) {
              if (changed) yield hint;
              changed = false;
            }
          } finally {
            listeners.delete(listener);
          }
        },
      };
    },
    fails: ['WATCH-005'],
  },
  {
    title: 'a renewal after close() answers from memory',
    verbs: (good) => {
      let closed = false;
      return {
        async lock(request, options) {
          return closed && request.held ? { kind: 'held', grant: request.held } : good.lock(request, options);
        },
        async register(request, options) {
          if (!closed || !request.held) return good.register(request, options);
          return { kind: 'registered', registration: request.held, record: { kind: 'absent' } };
        },
        async close() {
          closed = true;
          await good.close();
        },
      };
    },
    fails: ['BIND-007', 'BIND-008'],
  },
  {
    title: 'where names are shared, unregister removes all of a name',
    capabilities: { exclusiveNames: false },
    verbs: (good, hands) => ({
      async unregister(registration, options) {
        await good.unregister(registration, options);
        hands.deleteMember(registration.node);
      },
    }),
    fails: ['REG-013', 'REG-018'],
  },
];
