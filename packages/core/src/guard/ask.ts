import type { Clock, MemberList, NodeId } from '../backend/index.js';
import type { Membership, NodeHealth } from '../driver/index.js';
import type { ErrorCode } from '../errors/index.js';
import type { GuardCall, GuardedBackend } from './guarded-backend.js';
import { fromForeign } from './foreign-error.js';
import type { DriverGuardCall, GuardedDriver } from './guarded-driver.js';

/** What the own daemon says. Not knowing is a value of its own: a daemon that is down need not be able to tell its membership. */
export type OwnDaemon =
  | { readonly kind: 'known'; readonly membership: Membership; readonly status: NodeHealth['status'] }
  | {
      readonly kind: 'unknown';
      readonly cause: ErrorCode;
      /** What it said instead, for people. */
      readonly text: string;
      readonly status: 'down' | 'unknown';
    };

/** What the store says. A list that failed is not an empty one. */
export type Listing =
  | {
      readonly kind: 'listed';
      readonly list: MemberList;
      readonly askedAtMs: number;
      readonly answeredAtMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly cause: ErrorCode;
      /** What it said instead, for people. */
      readonly text: string;
    };

/** Asks the own daemon. Never rejects. */
export async function askOwnDaemon(driver: GuardedDriver, call: DriverGuardCall): Promise<OwnDaemon> {
  const listed = call.list?.members.find((member) => member.node === driver.self);
  const asked = driver.health({ node: driver.self, listed }, call);
  try {
    const [membership, { status }] = await Promise.all([driver.membership(call), asked]);
    return { kind: 'known', membership, status };
  } catch (error) {
    const { status } = await asked;
    const { code, message } = fromForeign(error, 'membership', 'DRIVER_FAILED');
    return { kind: 'unknown', cause: code, text: message, status: status === 'down' ? status : 'unknown' };
  }
}

async function listingOf(backend: GuardedBackend, clock: Clock, call: GuardCall): Promise<Listing> {
  const askedAtMs = clock.monotonicMs();
  try {
    const list = await backend.list(call);
    return { kind: 'listed', list, askedAtMs, answeredAtMs: clock.monotonicMs() };
  } catch (error) {
    const { code, message } = fromForeign(error, 'list', 'STORE_FAILED');
    return { kind: 'failed', cause: code, text: message };
  }
}

/** Asks the store for its list, and tells of it at once: whoever asked may go on looking. Never rejects. */
export async function askList(
  backend: GuardedBackend,
  clock: Clock,
  call: GuardCall,
  onListing: (listing: Listing) => void = () => undefined,
): Promise<Listing> {
  const listing = await listingOf(backend, clock, call);
  onListing(listing);
  return listing;
}

/** Daemons that are asked at the same time. */
const TOGETHER = 64;

/** Asks these peers, a limited number at a time. Never rejects: whom nobody can ask is `unknown`. */
export async function askPeers(
  driver: GuardedDriver,
  peers: readonly NodeId[],
  { signal, list }: DriverGuardCall,
): Promise<Map<NodeId, NodeHealth>> {
  const listed = new Map(list?.members.map((member) => [member.node, member]));
  const answers = new Map<NodeId, NodeHealth>();
  const queue = peers.values();
  const askInTurn = async () => {
    for (const node of queue)
      answers.set(node, await driver.health({ node, listed: listed.get(node) }, { signal, list }));
  };
  await Promise.all(Array.from({ length: Math.min(TOGETHER, peers.length) }, askInTurn));
  return answers;
}
