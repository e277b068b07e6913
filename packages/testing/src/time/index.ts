export { type Random, seededRandom } from './random.js';
export type { ProcessOptions, SimulatedProcess } from './simulated-process.js';
export { type SimulatedTime, type SimulatedTimeOptions, simulateTime } from './simulated-time.js';
