import type { Clock } from '../backend/index.js';

/** ISO 8601, for people: nothing is decided by it. */
export const timestamp = (clock: Clock): string => new Date(clock.wallMs()).toISOString();
