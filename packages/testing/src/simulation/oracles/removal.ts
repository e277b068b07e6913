import type { MemberList } from '@autocluster/core/backend';
import type { ForgetRequest } from '@autocluster/core/driver';
import type { Actor } from '../actor.js';
import type { Call, Listener } from '../facts.js';
import { isList } from '../outcome.js';
import { type Court, perHistory, type Watcher } from './oracle.js';

/** A removal at the moment at which the daemon is told to forget a member. */
export interface Removal {
  readonly actor: Actor;
  readonly node: string;
  readonly request: ForgetRequest;
  /** The list on which it was decided, and when it was asked for. */
  readonly list: MemberList | undefined;
  readonly listedMs: number;
}

/** What a list shows; two lists that show the same are one and the same to whoever decides. */
const shownBy = ({ store, revision, members }: MemberList): string =>
  [store, revision, ...members.map(({ node, instance }) => `${node} ${instance}`)].join();

/** An answer of the store to somebody who asked for the members. */
export interface ListAnswer {
  readonly actor: Actor;
  readonly sentMs: number;
  readonly atMs: number;
  readonly list: MemberList;
}

/** Every list that was ever answered. Lists are many and removals few: it is searched when somebody is removed. */
class ListLog implements Listener {
  readonly answers: ListAnswer[] = [];

  readonly answered = ({ actor, verb, sentMs, end }: Call): void => {
    if (verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
    this.answers.push({ actor, sentMs, atMs: end.atMs, list: end.value });
  };

  /** When a list that shows the same was last asked for. */
  askedMs(list: MemberList): number {
    const shown = shownBy(list);
    const same = this.answers.filter((each) => each.list.revision === list.revision && shownBy(each.list) === shown);
    return Math.max(...same.map(({ sentMs }) => sentMs));
  }
}

export const listLogOf = perHistory(() => new ListLog());

/** Tells of each removal, before the daemon begins with it. */
export function watchRemovals(court: Court, removal: (removal: Removal) => void): Required<Pick<Watcher, 'sent'>> {
  const log = listLogOf(court);
  return {
    sent({ actor, verb, request }: Call) {
      if (verb !== 'forget') return;
      const { list, ...forget } = request as ForgetRequest & { readonly list: MemberList | undefined };
      const listedMs = list ? log.askedMs(list) : Number.NEGATIVE_INFINITY;
      removal({ actor, node: forget.node, request: forget, list, listedMs });
    },
  };
}

/** Since when a removal has its lock. Of one that an older copy of the store has as well nobody knows it any more. */
export function grantedMs({ truth }: Court, { token }: ForgetRequest): number {
  const { sinceMs = truth.replacedMs } = truth.grants.get(token) ?? {};
  return sinceMs === truth.replacedMs ? Number.NEGATIVE_INFINITY : sinceMs;
}

/** The shortest time that may pass for a grace while clocks drift. */
export const graceMs = ({ stage }: Court): number =>
  (stage.timing.graceMs ?? Number.POSITIVE_INFINITY) * (1 - 2 * stage.traits.drift);
