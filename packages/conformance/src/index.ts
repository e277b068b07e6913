/** A kit that tells whether a store keeps the contract of a backend, and a daemon's driver that of a driver. */
export {
  backendSubject,
  type BackendSubject,
  type FaultPort,
  type Operator,
  type Place,
  type Wire,
} from './subject.js';
export type { Case } from './case.js';
export { CASES } from './cases/index.js';
export { CONTRACT, NOT_ASKED, type Rule } from './contract.js';
export type { DriverCase } from './driver/case.js';
export { DRIVER_CASES } from './driver/cases/index.js';
export { runDriverCases } from './driver/run.js';
export { driverSubject, type DriverSubject, type DriverWorld } from './driver/subject.js';
export { INVARIANTS } from './invariants.js';
export { type Need, NEEDS } from './need.js';
export { lineOf, summaryOf } from './run/format.js';
export type { CaseResult, Report, Status } from './run/result.js';
export { runBackendCases, type RunOptions } from './run/run.js';
export { testBackend, testDriver, type TestOptions, type TestRunner } from './run/test-cases.js';
export { openProxy, type Proxy } from './wire/proxy.js';
