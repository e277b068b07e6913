#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from './lib/build.mjs';
import { install, installCommand, isInstalled } from './lib/install.mjs';
import { requireNode } from './lib/node-version.mjs';
import { seconds, stopwatch } from './lib/time.mjs';
import { packagesFor, top } from './lib/workspace.mjs';

const EXAMPLE = join(top, 'examples', 'three-nodes');
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** One line per step, written when it begins and ended when it has. */
async function step(title, work) {
  const took = stopwatch();
  const lines = [];
  process.stdout.write(`${title} … `);
  const { ok, outcome } = await work((line) => lines.push(line));
  process.stdout.write(`${outcome} (${seconds(took())})\n`);
  if (ok) return;
  console.error(lines.join('\n'));
  process.exit(1);
}

async function installStep(onLine) {
  if (isInstalled()) return { ok: true, outcome: 'up to date' };
  const { ok } = await install(onLine);
  return { ok, outcome: ok ? 'installed' : `FAILED: ${installCommand}` };
}

async function buildStep(onLine) {
  const { ok, built, total } = await build({ packages: packagesFor(EXAMPLE), types: false, onLine });
  return { ok, outcome: ok ? `${built} of ${total} built anew` : 'FAILED' };
}

/** On a terminal Ctrl-C reaches the example by itself, and twice would mean "at once". */
const reachesByItself = (signal) => signal === 'SIGINT' && process.stdin.isTTY;

function runExample(args) {
  const child = spawn(process.execPath, [join(EXAMPLE, 'main.mjs'), ...args], { cwd: top, stdio: 'inherit' });
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      if (!reachesByItself(signal)) child.kill(signal);
    });
  }
  child.once('error', (error) => {
    console.error(String(error));
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    for (const each of FORWARDED) process.removeAllListeners(each);
    if (signal === null) process.exitCode = code;
    else process.kill(process.pid, signal);
  });
}

requireNode();
await step('dependencies', installStep);
await step('packages', buildStep);
if (!existsSync(join(EXAMPLE, 'main.mjs'))) {
  console.error(`${relative(top, EXAMPLE)}/main.mjs is not there`);
  process.exit(1);
}
runExample(process.argv.slice(2));
