import type { MemberList } from '@autocluster/core/backend';
import type { Random } from '../time/index.js';
import type { Fault } from './faults.js';
import type { DatedView } from './past-views.js';

const NONSENSE: readonly unknown[] = [undefined, null, 42, 'ok', true, [], {}, { kind: 'ok' }, { members: 'none' }];

export function memberList({ view, revision }: DatedView, store: string): MemberList {
  const { members, record, skipped } = view;
  return { members, record, complete: true, skipped, revision: BigInt(revision), store };
}

interface ListSource {
  readonly store: string;
  readonly random: Random;
  readonly back: (changes: number) => DatedView | undefined;
}

/** The list as one fault makes it. */
export function spoiledList(list: MemberList, fault: Fault, { store, random, back }: ListSource): MemberList {
  if (fault.kind === 'partial-list') {
    const isMissing = (node: string) => (fault.missing ? fault.missing.includes(node) : random.next() < 0.5);
    return { ...list, complete: false, members: list.members.filter(({ node }) => !isMissing(node)) };
  }
  if (fault.kind === 'empty-list') {
    return { ...list, members: [], skipped: [], record: fault.keepsRecord ? list.record : { kind: 'absent' } };
  }
  if (fault.kind === 'lower-revision') {
    const revision = (list.revision ?? 0n) - BigInt(fault.by);
    return { ...list, revision: revision < 0n ? 0n : revision };
  }
  const older = fault.kind === 'stale-list' ? back(fault.changesBack ?? 1) : undefined;
  return older ? memberList(older, store) : list;
}

/** Something else than what was promised, when a fault asks for it. The type lies on purpose. */
export function maybeNonsense<T>(answer: T, faults: readonly Fault[], random: Random): T {
  const fault = faults.find((each) => each.kind === 'nonsense');
  if (!fault) return answer;
  const made = 'answer' in fault ? fault.answer : NONSENSE[Math.floor(random.next() * NONSENSE.length)];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what this fault is for
  return made as T;
}
