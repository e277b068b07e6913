import { ANSWER_FAULTS } from './answers.js';
import { DAEMON_FAULTS } from './daemons.js';
import { DISK_FAULTS } from './disks.js';
import { fault, type FaultKind } from './fault.js';
import { FLEET_FAULTS } from './fleets.js';
import { MACHINE_FAULTS } from './machines.js';
import { OPERATOR_FAULTS } from './operators.js';
import { PROCESS_FAULTS } from './processes.js';
import { STORE_FAULTS } from './store.js';

/** The end of every history, and a row of the catalogue like any other. */
const HEALED = fault('60', {
  title: 'everything is well again',
  fits: () => false,
  draw: () => ({}),
  strike: () => undefined,
});

/** In the order of the catalogue. A letter after the number: another way in which that row comes true. */
export const FAULTS: readonly FaultKind[] = [
  ...ANSWER_FAULTS,
  ...STORE_FAULTS,
  ...PROCESS_FAULTS,
  ...FLEET_FAULTS,
  ...DAEMON_FAULTS,
  ...DISK_FAULTS,
  ...MACHINE_FAULTS,
  ...OPERATOR_FAULTS,
  HEALED,
].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));

/** Every fault by its row. */
export const CATALOGUE: ReadonlyMap<string, FaultKind> = new Map(FAULTS.map((each) => [each.id, each]));
export type { FaultKind, Outline } from './fault.js';
