import type { Logger } from '@autocluster/core';

const line = (level: string) => (facts: object, text: string) => {
  const told = Object.keys(facts).length === 0 ? '' : ` ${JSON.stringify(facts, printable)}`;
  process.stderr.write(`autocluster ${level}: ${text}${told}\n`);
};

const printable = (_name: string, value: unknown): unknown => {
  if (value instanceof Error) return value.message;
  return typeof value === 'bigint' ? value.toString() : value;
};

/** One line for each thing that somebody who runs a node should read, beside what the broker writes itself. */
export const stderrLogger: Logger = {
  debug: () => undefined,
  info: line('info'),
  warn: line('warning'),
  error: line('error'),
};
