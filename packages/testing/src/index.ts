/** What tests need to run a cluster without a network, without waiting and without chance. */
export * from './time/index.js';
export * from './store/index.js';
export * from './daemon/index.js';
export * from './simulation/index.js';
