import type { DriverCase } from '../case.js';
import { JOIN_CASES } from './join.js';
import { LIFE_CASES } from './life.js';

/** Every case for a driver, in the order of the report. */
export const DRIVER_CASES: readonly DriverCase[] = [...LIFE_CASES, ...JOIN_CASES];
