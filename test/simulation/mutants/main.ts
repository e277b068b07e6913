import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Limits, MUTANTS, tryMutant, type Verdict } from './index.ts';
import { idleOracles, killTable, survivors, untriedMutants } from './table.ts';

const HELP = `Plants one bug after the other into a copy, and counts the histories until an oracle sees it.

  npm run simulate:mutants                      all of them
  npm run simulate:mutants -- --only no-deadline,hot-loop
  --histories N   at most so many for each; default: 50000
  --workers N     so many bugs at a time; default: 2
  --seed S        default: mutants
  --write FILE    the table, as Markdown, after each bug
  --results FILE  what was seen, a line for each bug; a run that was ended goes on from there. Of the same sources only.

Fails when a bug was not seen, and, when all were tried, when an oracle saw none.
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    histories: { type: 'string', default: '50000' },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string', default: 'mutants' },
    write: { type: 'string' },
    results: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface Result {
  readonly seed: string;
  readonly id: string;
  readonly firstBy: readonly string[];
  readonly seenBy: readonly string[];
  readonly histories: number;
}

/** What an earlier run has seen, as this one would see it. */
function known(file: string | undefined, { seed, histories }: Limits): Map<string, Verdict> {
  const lines = file !== undefined && existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  const verdicts = new Map<string, Verdict>();
  for (const result of lines.map((line) => JSON.parse(line) as Result)) {
    const mutant = MUTANTS.find(({ id }) => id === result.id);
    const isSame = result.seenBy.length > 0 ? result.histories <= histories : result.histories === histories;
    if (!mutant || result.seed !== seed || !isSame) continue;
    const { firstBy, seenBy } = result;
    verdicts.set(mutant.id, { mutant, killedBy: firstBy[0], firstBy, seenBy, histories: result.histories });
  }
  return verdicts;
}

async function run(): Promise<void> {
  const only = values.only?.split(',');
  const stranger = only?.find((id) => !MUTANTS.some((each) => each.id === id));
  if (stranger !== undefined) throw new RangeError(`no mutant is called ${stranger}`);
  const limits = { histories: Number(values.histories), seed: values.seed };
  const verdicts = known(values.results, limits);
  const left = MUTANTS.filter(({ id }) => !verdicts.has(id) && (only?.includes(id) ?? true));
  const inOrder = () => MUTANTS.flatMap(({ id }) => verdicts.get(id) ?? []);
  const write = () =>
    values.write === undefined ? undefined : writeFileSync(values.write, killTable(inOrder(), limits));
  const tryAll = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant; mutant = left.shift()) {
      const verdict = await tryMutant(mutant, limits);
      const { id } = mutant;
      const { killedBy, firstBy, seenBy, histories } = verdict;
      verdicts.set(id, verdict);
      const result: Result = { seed: limits.seed, id, firstBy, seenBy, histories };
      if (values.results !== undefined) appendFileSync(values.results, `${JSON.stringify(result)}\n`);
      write();
      console.log(`${id}: ${killedBy ? `${seenBy.join(' ')} after ${histories}` : `NOT SEEN in ${histories}`}`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.workers) }, tryAll));
  write();
  const all = inOrder();
  console.log(`\n${killTable(all, limits)}`);
  const isIdle = untriedMutants(all).length === 0 && idleOracles(all).length > 0;
  if (isIdle || survivors(all).length > 0) process.exitCode = 1;
}

if (values.help) console.log(HELP);
else await run();
