import { parseArgs } from 'node:util';
import { invalidRange } from '@autocluster/core/backend';

export const USAGE = `Asks a store, or a driver, whether it keeps the contract of @autocluster/core.

  autocluster-conformance ./my-store.mjs [--only LOCK,REG-007] [--json]
  autocluster-conformance --list [--json]

The file exports by default what backendSubject() or driverSubject() answers, or a function that makes it.

  --only   ids of cases, or what ids begin with, separated by commas
  --json   the report as JSON on standard output, the progress on standard error
  --list   every case with its sentence, and nothing else
  --help   this text

Exit code: 0 all is well, 1 a case failed or passed against the list of known failures, 2 nothing could be asked,
or not all of it. An interrupt (Ctrl-C, SIGTERM) closes what the file has made by then and ends with 130 or 143; a second one ends at once.
`;

export interface Arguments {
  readonly file: string | undefined;
  readonly only: readonly string[] | undefined;
  readonly json: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

/** Throws an error of Node's own for what it does not know, and `INVALID_OPTION` for a second file. */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.flatMap((each) => each.split(',')).map((each) => each.trim());
  const { json, list, help } = values;
  const [file, another] = positionals;
  if (another !== undefined) throw invalidRange('file', another, 'one file at a time');
  return { file, only, json, list, help };
}
