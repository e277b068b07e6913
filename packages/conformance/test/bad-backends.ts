import {
  type Backend,
  type Capabilities,
  ClusterError,
  encodeRecord,
  isClusterError,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type MemberList,
} from '@autocluster/core/backend';
import type { MemoryClient, MemoryStore } from '@autocluster/testing';

type Hands = ReturnType<MemoryStore['cluster']>;
type Verbs = Partial<Pick<Backend, 'register' | 'unregister' | 'list' | 'lock' | 'unlock' | 'watch' | 'close'>>;

export interface BadBackend {
  /** The mistake. */
  readonly title: string;
  readonly capabilities?: Partial<Capabilities>;
  readonly verbs: (good: MemoryClient, hands: Hands) => Verbs;
  /** Every case that it fails, and no other. */
  readonly fails: readonly string[];
}

const NOBODY: MemberList = {
  members: [],
  record: { kind: 'absent' },
  complete: true,
  skipped: [],
  revision: undefined,
  store: undefined,
};

/** What a call does that only looks at its time when an answer has come. */
async function neverIfLate(error: unknown): Promise<never> {
  if (!isClusterError(error, 'TIMEOUT')) throw error;
  return new Promise(() => undefined);
}

export const withGrant = (outcome: LockOutcome, change: (grant: LockGrant) => LockGrant): LockOutcome =>
  outcome.kind === 'held' ? { kind: 'held', grant: change(outcome.grant) } : outcome;

/** The memory store names the token in the ref, so that a grant with another token can still be found. */
export const trueGrant = (grant: LockGrant): LockGrant => ({
  ...grant,
  token: BigInt(grant.ref.split('@').at(-1) ?? 0),
});
const trueRequest = (request: LockRequest): LockRequest =>
  request.held ? { ...request, held: trueGrant(request.held) } : request;

export const BAD_BACKENDS: readonly BadBackend[] = [
  {
    title: 'a list that failed is an empty list',
    verbs: (good) => ({ list: (options) => good.list(options).catch(() => NOBODY) }),
    fails: ['BIND-006', 'LIST-005', 'LIST-008', 'ABORT-002', 'TIME-001', 'TIME-007', 'LATE-008', 'HOST-006'],
  },
  {
    title: 'the token never grows',
    verbs: (good) => ({
      lock: async (request, options) =>
        withGrant(await good.lock(trueRequest(request), options), (grant) => ({ ...grant, token: 1n })),
      unlock: (grant, options) => good.unlock(trueGrant(grant), options),
    }),
    fails: ['LOCK-012', 'LOCK-013', 'LOCK-019', 'LOCK-020', 'UNLOCK-006'],
  },
  {
    title: 'a release does not compare',
    verbs: (good, hands) => ({
      async unlock(grant, options) {
        const outcome = await good.unlock(grant, options);
        if (outcome.kind === 'lost') hands.deleteLock(grant.name);
        return outcome;
      },
    }),
    fails: ['UNLOCK-001', 'UNLOCK-002', 'UNLOCK-004', 'LATE-005'],
  },
  {
    title: 'a renewal proves the lease only',
    verbs: (good) => ({
      async lock(request, options) {
        const outcome = await good.lock(request, options);
        return outcome.kind === 'lost' && request.held ? { kind: 'held', grant: request.held } : outcome;
      },
    }),
    fails: ['LOCK-009', 'LOCK-010', 'LOCK-011', 'LOCK-018'],
  },
  {
    title: 'two attempts of one instance get one grant',
    verbs(good) {
      const owners = new Map<string, string>();
      return {
        async lock(request, options) {
          const outcome = await good.lock(request, options);
          const owner = `${request.name} ${request.instance}`;
          if (outcome.kind === 'held') owners.set(owner, request.attempt);
          const attempt = owners.get(owner);
          if (outcome.kind !== 'busy' || attempt === undefined) return outcome;
          const theirs = await good.lock({ ...request, attempt }, options);
          return withGrant(theirs, (grant) => ({ ...grant, attempt: request.attempt }));
        },
      };
    },
    fails: ['LOCK-005', 'HOST-002'],
  },
  {
    title: 'a repeat of an attempt is another attempt',
    verbs: (good) => {
      let asked = 0;
      return {
        async lock(request, options) {
          asked += 1;
          const attempt = request.held ? request.attempt : `${request.attempt} ${good.id} ${asked}`;
          return good.lock({ ...request, attempt }, options);
        },
      };
    },
    fails: [
      'FORM-003',
      'LOCK-004',
      'LOCK-008',
      'LOCK-014',
      'LOCK-016',
      'ABORT-005',
      'LATE-001',
      'LATE-009',
      'LATE-010',
      'HOST-002',
    ],
  },
  {
    title: 'a call that was given up never settles',
    verbs: (good) => ({
      register: (request, options) => good.register(request, options).catch(neverIfLate),
      lock: (request, options) => good.lock(request, options).catch(neverIfLate),
    }),
    fails: ['TIME-002', 'TIME-004', 'LATE-001', 'LATE-002', 'LATE-006', 'LATE-007', 'LATE-009', 'LATE-010'],
  },
  {
    title: 'a value that cannot be read makes the list throw',
    verbs: (good) => ({
      async list(options) {
        const list = await good.list(options);
        if (list.skipped.length > 0) throw new SyntaxError('Unexpected token');
        return list;
      },
    }),
    fails: ['LIST-002'],
  },
  {
    title: 'unregister removes whoever has the name',
    verbs: (good, hands) => ({
      async unregister(registration, options) {
        await good.unregister(registration, options);
        hands.deleteMember(registration.node);
      },
    }),
    fails: ['REG-013'],
  },
  {
    title: 'the record is written without a condition',
    verbs: (good, hands) => ({
      async unlock(grant, options) {
        const outcome = await good.unlock(grant, options);
        if (outcome.kind === 'released' || options.record === undefined) return outcome;
        hands.overwriteRecord(encodeRecord(options.record));
        return { kind: 'released' };
      },
    }),
    fails: ['UNLOCK-004', 'UNLOCK-005', 'UNLOCK-006', 'UNLOCK-010'],
  },
  {
    title: 'a record that cannot be read is absent',
    verbs: (good) => ({
      async list(options) {
        const list = await good.list(options);
        return list.record.kind === 'unreadable' ? { ...list, record: { kind: 'absent' } } : list;
      },
    }),
    fails: ['LIST-003'],
  },
  {
    title: 'a failure says that nothing was done',
    verbs: (good) => {
      const denying = <T>(work: Promise<T>): Promise<T> =>
        work.catch((error: unknown) => {
          if (!isClusterError(error) || error.code === 'CLOSED') throw error;
          throw new ClusterError(error.code, error.message, { outcomeUnknown: false });
        });
      return {
        register: (request, options) => denying(good.register(request, options)),
        unregister: (registration, options) => denying(good.unregister(registration, options)),
        lock: (request, options) => denying(good.lock(request, options)),
      };
    },
    fails: ['LATE-001', 'LATE-002', 'LATE-004'],
  },
];

/** A client that makes one mistake. */
export function spoiled(bad: BadBackend, good: MemoryClient, hands: Hands): Backend {
  const verbs = bad.verbs(good, hands);
  return {
    name: good.name,
    spi: 1,
    cluster: good.cluster,
    capabilities: good.capabilities,
    register: (request, options) => good.register(request, options),
    unregister: (registration, options) => good.unregister(registration, options),
    list: (options) => good.list(options),
    lock: (request, options) => good.lock(request, options),
    unlock: (grant, options) => good.unlock(grant, options),
    ...(good.watch && { watch: good.watch }),
    close: () => good.close(),
    ...verbs,
  };
}
