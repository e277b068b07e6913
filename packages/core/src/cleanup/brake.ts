/**
 * What a brake holds. `clocks`: nobody is removed, and every absence is counted anew once it is gone. `plan`: nobody is
 * removed while the evidence ripens; an operator who has read the plan may apply it all the same. `member`: this member is
 * not removed, whoever asks for it.
 */
export type BrakeFamily = 'clocks' | 'plan' | 'member';

export interface Brake {
  readonly family: BrakeFamily;
  /** When it holds. */
  readonly meaning: string;
  /** The option that moves it, with its default; undefined: nothing does. */
  readonly setting: { readonly option: string; readonly default: string } | undefined;
  /** What ends it. */
  readonly release: string;
}

const always = undefined;

/** Every reason why a member is not removed. The names are the same in plans, events, counters and documents. */
export const BRAKES = {
  paused: {
    family: 'clocks',
    meaning: 'an operator has paused cleanup, or a record was restored without knowing whether it was paused',
    setting: always,
    release: 'cleanup.resume()',
  },
  'lock-not-held': {
    family: 'clocks',
    meaning: 'this node does not hold the cleanup lock',
    setting: always,
    release: 'nothing to do: the node that holds it cleans up',
  },
  'list-incomplete': {
    family: 'clocks',
    meaning: 'the list failed, may lack entries, has entries that nobody understands, or has no readable record',
    setting: always,
    release: 'the store answers a complete list',
  },
  'list-empty': {
    family: 'clocks',
    meaning: 'the list shows nobody at all',
    setting: always,
    release: 'members are listed again',
  },
  'self-unlisted': {
    family: 'clocks',
    meaning: 'the list lacks the executor itself',
    setting: always,
    release: 'the executor is listed again',
  },
  'self-not-member': {
    family: 'clocks',
    meaning:
      'the executor is not a member of the cluster on record, was removed from it, or most members do not know it',
    setting: always,
    release: 'the executor is a member, and the others say so',
  },
  'split-seen': {
    family: 'clocks',
    meaning: 'members of another cluster of this name are listed',
    setting: always,
    release: 'only one cluster of this name is left',
  },
  'health-unknown': {
    family: 'clocks',
    meaning: 'the own daemon does not answer, or too many listed members cannot be asked whom they see',
    setting: { option: 'observersUnknownMax', default: '0' },
    release: 'they answer, or their registrations expire',
  },
  'store-changed': {
    family: 'clocks',
    meaning: 'the store became another one, or went back to an earlier state, less than one grace ago',
    setting: { option: 'graceMs', default: 'see `grace`' },
    release: 'one grace passes',
  },
  'formation-active': {
    family: 'clocks',
    meaning: 'somebody forms, joins or changes the record: the formation lock is busy',
    setting: { option: 'refreshMs (of the node)', default: 'a third of ttlMs, at most 10 s' },
    release: 'the formation lock is free',
  },
  'report-only': {
    family: 'plan',
    meaning: 'this node reports whom it would remove, and removes nobody',
    setting: { option: 'mode', default: "'report'" },
    release: "mode: 'remove', or an operator applies the plan",
  },
  'list-shrank': {
    family: 'plan',
    meaning: 'a larger share of the base is not listed than may be lost at once',
    setting: { option: 'listShrinkRatioMax', default: '0.5' },
    release: 'members are listed again, or an operator applies the plan',
  },
  minority: {
    family: 'plan',
    meaning: 'fewer live members than a majority of the base say that the member does not run',
    setting: always,
    release: 'more members answer, or an operator applies the plan',
  },
  'members-min': {
    family: 'plan',
    meaning: 'fewer members would be left than must be',
    setting: { option: 'membersMin', default: '2' },
    release: 'members join, or an operator applies the plan',
  },
  'removal-ratio': {
    family: 'plan',
    meaning: 'the plan removes a larger share of the base than one plan may',
    setting: { option: 'removalRatioMax', default: '0.5' },
    release: 'members return, or an operator applies the plan',
  },
  'removals-per-tick': {
    family: 'plan',
    meaning: 'others come first in this tick',
    setting: { option: 'removalsPerTickMax', default: '1' },
    release: 'the next ticks, or an operator applies the plan',
  },
  grace: {
    family: 'member',
    meaning: 'it was not away long enough, or not seen to be away often enough, without interruption',
    setting: {
      option: 'graceMs, observationsMin',
      default: 'the longer of 3 × intervalMs and (latest takeover + restartMs); 3',
    },
    release: 'it stays away',
  },
  'seen-running': {
    family: 'member',
    meaning: 'a live member, or its own daemon, says that it runs',
    setting: always,
    release: 'its daemon ends, or its supervisor registers it again',
  },
  'member-is-self': {
    family: 'member',
    meaning: 'it is the executor itself',
    setting: always,
    release: 'never',
  },
  'removed-full': {
    family: 'member',
    meaning: 'the record remembers as many removed names as it may',
    setting: { option: 'removedMax', default: '500' },
    release: 'cleanup.prune()',
  },
  returned: {
    family: 'member',
    meaning: 'it is listed again, or no member any more, at the moment of its removal',
    setting: always,
    release: 'nothing to do',
  },
  readmitted: {
    family: 'member',
    meaning: 'it was marked for removal, and the mark was taken away meanwhile',
    setting: always,
    release: 'it is marked again in a later tick, if it is still away',
  },
} as const satisfies Record<string, Brake>;

export type BrakeName = keyof typeof BRAKES;

export const BRAKE_NAMES = Object.keys(BRAKES) as readonly BrakeName[];

/** A brake that holds now, and the fact that it holds for. */
export interface HeldBy {
  readonly brake: BrakeName;
  readonly detail: string;
  /** What would release it. */
  readonly release: string;
}

export const heldBy = (brake: BrakeName, detail: string): HeldBy => ({ brake, detail, release: BRAKES[brake].release });

export const familyOf = (brake: BrakeName): BrakeFamily => BRAKES[brake].family;
