export type { DaemonState, Disk } from './disk.js';
export type { DriverTraits } from './driver.js';
export type { DriverFault, DriverFaults, DriverFaultScope, DriverVerb } from './driver-faults.js';
export { type DaemonEvent, type DaemonFact, daemonHistoryText } from './history.js';
export { type RecordedCall, type RecordingDriver, recordingDriver } from './recording-driver.js';
export { type DaemonWorld, type DaemonWorldOptions, daemonWorld, type SimulatedDaemon } from './world.js';
