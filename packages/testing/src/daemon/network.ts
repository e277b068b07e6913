import type { NodeId } from '@autocluster/core/driver';

/** Who can reach whom. Every link works until it is cut. */
export class Network {
  readonly #cut = new Set<string>();

  reaches(from: NodeId, to: NodeId): boolean {
    return !this.#cut.has(`${from}>${to}`);
  }

  linked(a: NodeId, b: NodeId): boolean {
    return this.reaches(a, b) && this.reaches(b, a);
  }

  /** One direction only. */
  cut(from: NodeId, to: NodeId): void {
    if (from !== to) this.#cut.add(`${from}>${to}`);
  }

  partition(groups: readonly (readonly NodeId[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group !== other) for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  heal(): void {
    this.#cut.clear();
  }
}
