import { consulLike, type MemoryStoreOptions } from '../store/index.js';
import type { StoreKind } from './plan.js';

const KINDS: Readonly<Record<StoreKind, Partial<MemoryStoreOptions>>> = {
  full: {},
  consul: consulLike(5_000),
  late: { capabilities: { listConsistency: 'eventual' }, stalenessMs: 1_000 },
  separate: { capabilities: { record: 'separate' } },
  plain: { capabilities: { ordered: false, watch: false } },
};

/** What a store of this kind can do less than {@link FULL_CAPABILITIES}. */
export const storeOptions = (kind: StoreKind): Partial<MemoryStoreOptions> => KINDS[kind];
