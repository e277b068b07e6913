import { cleanupOn } from './cleanup-suite.ts';

cleanupOn('consul');
