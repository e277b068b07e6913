#!/usr/bin/env node
import { build } from './lib/build.mjs';
import { endWithChildren } from './lib/command.mjs';
import { requireNode } from './lib/node-version.mjs';
import { seconds, stopwatch } from './lib/time.mjs';

requireNode();
endWithChildren();
const took = stopwatch();
const { ok, built, total } = await build();
console.log(`${built} of ${total} packages had changed: ${ok ? 'built' : 'FAILED'} in ${seconds(took())}`);
process.exitCode ||= ok ? 0 : 1;
