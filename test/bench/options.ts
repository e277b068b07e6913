import { parseArgs } from 'node:util';

export const PARTS = ['formation', 'handoff', 'idle', 'cleanup'] as const;
export const STORES = ['etcd', 'consul', 'local'] as const;
export type Part = (typeof PARTS)[number];
export type StoreName = (typeof STORES)[number];

export interface BenchOptions {
  readonly help: boolean;
  readonly json: boolean;
  readonly only: readonly Part[];
  readonly stores: readonly StoreName[];
  readonly rounds: number;
  readonly nodes: readonly number[];
  readonly joinsMs: readonly number[];
  readonly handoffs: number;
  readonly idleSeconds: number;
  readonly members: readonly number[];
}

export const HELP = `Measures how fast clusters form, how fast a lock changes hands, what an idle node costs, and how long a tick of cleanup takes.

  pnpm bench [options]

  --only PARTS                    of formation, handoff, idle, cleanup; default: all
  --store etcd,consul,local       on which stores; default: all
  --rounds N                      formations per line; default 5
  --nodes 3,10,50                 sizes of the clusters
  --joins 0,200                   how long one create or join takes, in ms
  --handoffs N                    hand-offs per way; default 200
  --idle-seconds N                how long an idle node is watched; default 60
  --members 1000,10000,100000     sizes of the clusters that cleanup looks at
  --json                          the figures as JSON on standard output instead of tables

Measures the built packages: run \`pnpm build\` first. Progress goes to standard error. The servers come
from \`node test/servers/provide.mjs --only etcd,consul\`. Asserts nothing: times of two runs, or of two machines, cannot be compared,
the ratios within one run can.
`;

function listOf<const T extends string>(name: string, text: string | undefined, allowed: readonly T[]): readonly T[] {
  if (text === undefined) return allowed;
  return text.split(',').map((each) => {
    const found = allowed.find((one) => one === each);
    if (found === undefined) throw new RangeError(`--${name} takes ${allowed.join(', ')}, not ${each}`);
    return found;
  });
}

function wholeOf(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new RangeError(`--${name} takes whole numbers from ${least} on`);
  return value;
}

export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      store: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      nodes: { type: 'string', default: '3,10,50' },
      joins: { type: 'string', default: '0,200' },
      handoffs: { type: 'string', default: '200' },
      'idle-seconds': { type: 'string', default: '60' },
      members: { type: 'string', default: '1000,10000,100000' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    help: values.help,
    json: values.json,
    only: listOf('only', values.only, PARTS),
    stores: listOf('store', values.store, STORES),
    rounds: wholeOf('rounds', values.rounds, 1),
    nodes: values.nodes.split(',').map((each) => wholeOf('nodes', each, 1)),
    joinsMs: values.joins.split(',').map((each) => wholeOf('joins', each, 0)),
    handoffs: wholeOf('handoffs', values.handoffs, 1),
    idleSeconds: wholeOf('idle-seconds', values['idle-seconds'], 1),
    members: values.members.split(',').map((each) => wholeOf('members', each, 2)),
  };
}
