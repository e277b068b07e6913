import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MUTANTS, tryMutant, type Verdict } from './index.ts';
import { idleOracles, killTable, survivors } from './table.ts';

const HELP = `Plants one bug after the other into a copy, and counts the histories until an oracle sees it.

  npm run simulate:mutants                      all of them
  npm run simulate:mutants -- --only no-deadline,hot-loop
  --histories N   at most so many for each; default: 50000
  --workers N     so many bugs at a time; default: 2
  --seed S        default: mutants
  --write FILE    the table, as Markdown

Fails when a bug was not seen, and, when all were tried, when an oracle saw none.
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    histories: { type: 'string', default: '50000' },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string', default: 'mutants' },
    write: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function run(): Promise<void> {
  const only = values.only?.split(',');
  const stranger = only?.find((id) => !MUTANTS.some((each) => each.id === id));
  if (stranger !== undefined) throw new RangeError(`no mutant is called ${stranger}`);
  const limits = { histories: Number(values.histories), seed: values.seed };
  const left = MUTANTS.filter(({ id }) => only?.includes(id) ?? true);
  const verdicts = new Map<string, Verdict>();
  const tryAll = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant; mutant = left.shift()) {
      const verdict = await tryMutant(mutant, limits);
      verdicts.set(mutant.id, verdict);
      const { killedBy, seenBy, histories } = verdict;
      console.log(`${mutant.id}: ${killedBy ? `${seenBy.join(' ')} after ${histories}` : `NOT SEEN in ${histories}`}`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.workers) }, tryAll));
  const all = MUTANTS.flatMap(({ id }) => verdicts.get(id) ?? []);
  const table = killTable(all, limits);
  if (values.write !== undefined) writeFileSync(values.write, table);
  console.log(`\n${table}`);
  const isIdle = only === undefined && idleOracles(all).length > 0;
  if (isIdle || survivors(all).length > 0) process.exitCode = 1;
}

if (values.help) console.log(HELP);
else await run();
