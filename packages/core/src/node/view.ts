import type { ClusterRecord, Member, MemberList } from '../backend/index.js';
import type { ErrorCode } from '../errors/index.js';
import { type Plain, toPlain } from './plain.js';

/** What the store said last. `unknown` until it said anything: never an empty list. */
export type ClusterView =
  | { readonly kind: 'unknown'; readonly cause: ErrorCode | undefined }
  | {
      readonly kind: 'known';
      readonly members: Plain<readonly Member[]>;
      readonly record: Plain<ClusterRecord> | undefined;
      /** false: entries may be missing. */
      readonly complete: boolean;
      /** How old this knowledge is, in ms. */
      readonly ageMs: number;
    };

interface Seen {
  readonly list: MemberList;
  readonly askedAtMs: number;
}

/** The view of the last list, and whether the next one differs from it. */
export interface ViewKeeper {
  at(nowMs: number): ClusterView;
  /** Answers what changed; undefined when nothing did. */
  see(list: MemberList, askedAtMs: number): Readonly<Record<string, unknown>> | undefined;
  failed(cause: ErrorCode): void;
}

const memberOf = ({ node, instance, state, identity, recordVersion, metadata, order }: Member): Member => ({
  node,
  instance,
  state,
  identity,
  recordVersion,
  metadata,
  order,
});

function mark({ members, record }: MemberList): string {
  const entries = members.map((each) => [
    each.node,
    each.instance,
    each.state,
    each.identity?.clusterId,
    each.metadata,
  ]);
  const known = record.kind === 'present' ? [record.record.clusterId, record.record.version] : record.kind;
  return JSON.stringify([entries, known]);
}

export function createViewKeeper(): ViewKeeper {
  let seen: Seen | undefined;
  let cause: ErrorCode | undefined;
  let lastMark = '';
  return {
    at(nowMs) {
      if (!seen) return { kind: 'unknown', cause };
      const { list, askedAtMs } = seen;
      return {
        kind: 'known',
        members: toPlain(list.members.map(memberOf)),
        record: list.record.kind === 'present' ? toPlain(list.record.record) : undefined,
        complete: list.complete,
        ageMs: Math.max(0, Math.round(nowMs - askedAtMs)),
      };
    },
    see(list, askedAtMs) {
      const before = new Map(seen?.list.members.map((each) => [each.node, each.instance]));
      seen = { list, askedAtMs };
      cause = undefined;
      const next = mark(list);
      if (next === lastMark) return undefined;
      lastMark = next;
      const nodes = list.members.map((each) => each.node);
      const ready = list.members.filter((each) => each.state === 'ready').map((each) => each.node);
      const appeared = list.members.filter((each) => before.get(each.node) !== each.instance).map((each) => each.node);
      const gone = [...before.keys()].filter((node) => !nodes.includes(node));
      return { members: nodes, ready, appeared, gone, complete: list.complete };
    },
    failed(code) {
      cause = code;
    },
  };
}
