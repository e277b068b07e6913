import { hostname } from 'node:os';

/** `pid@hostname`: unique among the processes that live, another one after a restart. */
export const processName = (): string => `${process.pid}@${hostname()}`;
