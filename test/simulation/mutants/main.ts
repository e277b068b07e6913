import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { killTable, MUTANTS, tryMutant, type Verdict } from './index.ts';

const HELP = `Plants one bug after the other into a copy, and counts the histories until an oracle sees it.

  npm run simulate:mutants                      all of them
  npm run simulate:mutants -- --only no-deadline,hot-loop
  --histories N   at most so many for each; default: 50000
  --workers N     default: 2
  --seed S        default: mutants
  --write FILE    the table, as Markdown
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
  const chosen = MUTANTS.filter(({ id }) => only?.includes(id) ?? true);
  const verdicts: Verdict[] = [];
  for (const mutant of chosen) {
    const limits = { histories: Number(values.histories), workers: Number(values.workers), seed: values.seed };
    const verdict = await tryMutant(mutant, limits);
    verdicts.push(verdict);
    console.log(`${mutant.id}: ${verdict.killedBy ? `${verdict.killedBy} after ${verdict.histories}` : 'SURVIVED'}`);
  }
  const table = killTable(verdicts);
  if (values.write !== undefined) writeFileSync(values.write, table);
  console.log(`\n${table}`);
  if (verdicts.some(({ killedBy }) => killedBy === undefined)) process.exitCode = 1;
}

if (values.help) console.log(HELP);
else await run();
