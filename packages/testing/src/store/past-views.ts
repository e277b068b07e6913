import type { Registration, StoredRecord } from '@autocluster/core/backend';

/** What a list shows of one cluster between two changes. */
export interface View {
  readonly members: readonly Registration[];
  readonly record: StoredRecord;
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
}

export interface DatedView {
  readonly view: View;
  /** When the next change ended it, true time in ms. */
  readonly untilMs: number;
  readonly revision: number;
}

const KEPT_MAX = 32;

/** The last views of a cluster, for lists that are late. */
export class PastViews {
  #past: DatedView[] = [];

  keep(view: DatedView): void {
    this.#past.push(view);
    if (this.#past.length > 2 * KEPT_MAX) this.#past = this.#past.slice(-KEPT_MAX);
  }

  /** The view in force at that time; undefined when it still is. */
  at(ms: number): DatedView | undefined {
    return this.#past.find((each) => each.untilMs > ms);
  }

  /** The view before that many changes, or the oldest that is kept; undefined when nothing has changed. */
  back(changes: number): DatedView | undefined {
    return this.#past.at(-changes) ?? this.#past[0];
  }
}
