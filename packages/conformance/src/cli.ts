#!/usr/bin/env node
import { runCli } from './cli/run-cli.js';

const INTERRUPTS = { SIGINT: 130, SIGTERM: 143 } as const;
const interrupt = new AbortController();
// What never settles and keeps nothing alive would end this process as if all were well.
process.exitCode = 2;

const err = (line: string): void => void process.stderr.write(`${line}\n`);
const out = (line: string): void => void process.stdout.write(`${line}\n`);
const unsettled = (): void => err('what was asked last never settles, and nothing is left to wait for');
process.once('beforeExit', unsettled);
/** The first one only: what comes after it ends the process as if nobody listened. */
function onInterrupt(name: keyof typeof INTERRUPTS): void {
  for (const each of Object.keys(INTERRUPTS)) process.removeListener(each, onInterrupt);
  process.exitCode = INTERRUPTS[name];
  interrupt.abort(`interrupted by ${name}`);
}
for (const name of Object.keys(INTERRUPTS)) process.on(name, onInterrupt);

/** Also when something still keeps the process alive: a case has told of it. */
const exitWhenWritten = (): void => void process.stderr.write('', () => process.stdout.write('', () => process.exit()));

void runCli(process.argv.slice(2), { out, err, signal: interrupt.signal }).then((code) => {
  if (!interrupt.signal.aborted) process.exitCode = code;
  exitWhenWritten();
});
