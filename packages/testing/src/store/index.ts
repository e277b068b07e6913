export { consulLike, FULL_CAPABILITIES } from './capabilities.js';
export type { MemoryClient } from './client.js';
export type { LockEntry } from './entries.js';
export type { ClientFaults, Fault, FaultScope, Verb } from './faults.js';
export { historyText, type StoreEvent, type StoreFact } from './history.js';
export type { Latency, Span } from './line.js';
export { type ClientOptions, type MemoryStore, type MemoryStoreOptions, memoryStore } from './memory-store.js';
export type { InsertedMember, InspectedCluster, InspectedMember, StoreCluster } from './operator.js';
export type { StoreSnapshot } from './state.js';
