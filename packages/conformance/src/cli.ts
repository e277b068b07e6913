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
for (const [name, code] of Object.entries(INTERRUPTS)) {
  process.once(name, () => {
    process.exitCode = code;
    interrupt.abort(`interrupted by ${name}`);
  });
}

/** Also when something still keeps the process alive: a case has told of it. */
const exitWhenWritten = (): void => void process.stderr.write('', () => process.stdout.write('', () => process.exit()));

void runCli(process.argv.slice(2), { out, err, signal: interrupt.signal }).then((code) => {
  if (!interrupt.signal.aborted) process.exitCode = code;
  exitWhenWritten();
});
