export { CATALOGUE, type FaultKind, FAULTS } from './faults/index.js';
export { type Oracle, ORACLES, type Violation } from './oracles/index.js';
export type { Happening, Plan, PlanValue, PlanValues, StoreKind, Traits } from './plan.js';
export { type Outcome, runPlan, type RunOptions } from './run-plan.js';
export { shrinkPlan } from './shrink.js';
export { planOf, simulate, type SimulateOptions } from './simulate.js';
export type { DriverMaker } from './stage.js';
export { addStatistics, noStatistics, type Statistics, statisticsOf, untried } from './statistics.js';
