/** A kit that tells whether a store keeps the contract of a backend. */
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
export { INVARIANTS } from './invariants.js';
export { type Need, NEEDS } from './need.js';
export type { CaseResult, Report, Status } from './run/result.js';
export { runBackendCases, type RunOptions } from './run/run.js';
export { testBackend, type TestOptions, type TestRunner } from './run/test-backend.js';
export { openProxy, type Proxy } from './wire/proxy.js';
