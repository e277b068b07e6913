import type { MemberList } from '@autocluster/core/backend';
import type { ForgetRequest } from '@autocluster/core/driver';
import type { Actor } from '../actor.js';
import type { Call } from '../facts.js';
import { isList } from '../outcome.js';
import type { Court, Watcher } from './oracle.js';

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

/** Tells of each removal, before the daemon begins with it. */
export function watchRemovals(removal: (removal: Removal) => void): Required<Pick<Watcher, 'sent' | 'answered'>> {
  const askedMs = new Map<string, number>();
  return {
    answered({ verb, sentMs, end }: Call) {
      if (verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
      const shown = shownBy(end.value);
      askedMs.set(shown, Math.max(sentMs, askedMs.get(shown) ?? 0));
    },
    sent({ actor, verb, request }: Call) {
      if (verb !== 'forget') return;
      const { list, ...forget } = request as ForgetRequest & { readonly list: MemberList | undefined };
      const listedMs = (list && askedMs.get(shownBy(list))) ?? Number.NEGATIVE_INFINITY;
      removal({ actor, node: forget.node, request: forget, list, listedMs });
    },
  };
}

/** The shortest time that may pass for a grace while clocks drift. */
export const graceMs = ({ stage }: Court): number =>
  (stage.timing.graceMs ?? Number.POSITIVE_INFINITY) * (1 - 2 * stage.traits.drift);
