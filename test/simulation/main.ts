import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Plan, planOf, runPlan, shrinkPlan, untried } from '@autocluster/testing';
import { digestOfHistories } from './bundle.ts';
import { planText, progressLine, statisticsTable, violationLines } from './report.ts';
import { search, WORKER } from './search.ts';

const HELP = `Random histories of whole clusters, in simulated time.

  npm run simulate                                     10,000 histories with a new seed, on two processors
  npm run simulate -- --histories 100000 --seed S --workers 2
  npm run simulate -- --from 100000 --seed S           more of the same seed; what has the same digest is one program;
                                                       a second digest leaves out the oracles, which change no history
  npm run simulate -- --replay S-17                    one history, with its transcript
  npm run simulate -- --replay S-17 --shrink           the smallest one that goes wrong in the same way
  npm run simulate -- --plan FILE                      a plan that was written to a file (with --save FILE)

  --nodes N     so many nodes in each history; default: 3 to 9
  --faults 4,35 only these rows of the fault catalogue; default: all
`;

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '10000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: process.hrtime.bigint().toString(36) },
    workers: { type: 'string', default: '2' },
    nodes: { type: 'string' },
    faults: { type: 'string' },
    replay: { type: 'string' },
    plan: { type: 'string' },
    save: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: 'histories' | 'from' | 'workers' | 'nodes', text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new RangeError(`--${name} ${text}: a whole number is expected`);
}

const faults = values.faults?.split(',');
const nodes = values.nodes === undefined ? undefined : whole('nodes', values.nodes);
const drawn = { ...(faults && { faults }), ...(nodes !== undefined && { nodes }) };

async function replay(plan: Plan): Promise<void> {
  const first = await runPlan(plan);
  const shown = values.shrink ? await shrinkPlan(first) : plan;
  const outcome = await runPlan(shown, { transcript: true });
  console.log(`${planText(shown)}\n\n${outcome.transcript.join('\n')}\n`);
  const wrong = outcome.violations.length > 0;
  console.log(wrong ? `Violated:\n${violationLines(outcome.violations)}` : 'Nothing was violated.');
  if (values.save !== undefined) writeFileSync(values.save, `${JSON.stringify(shown)}\n`);
  if (wrong) process.exitCode = 1;
}

/** More of them say nothing new. */
const FINDINGS_TOLD = 20;

async function explore(): Promise<void> {
  const histories = whole('histories', values.histories);
  const { seed } = values;
  // What cannot be drawn is told here, and not by each worker.
  planOf({ seed, ...drawn });
  console.log(`seed ${seed}`);
  let saidMs = performance.now();
  let told = 0;
  const found = await search({
    seed,
    histories,
    from: whole('from', values.from),
    workers: whole('workers', values.workers),
    faults,
    nodes,
    onProgress(soFar) {
      // At once: a long run may be ended before its end.
      for (const { seed: name, violations } of soFar.findings.slice(told, FINDINGS_TOLD)) {
        console.log(
          `${name}\n${violationLines(violations.slice(0, 5))}\n  npm run simulate -- --replay ${name} --shrink`,
        );
      }
      told = soFar.findings.length;
      if (performance.now() - saidMs < 10_000) return;
      saidMs = performance.now();
      console.log(progressLine(soFar, histories));
    },
  });
  console.log(
    `\nseed ${seed} from ${values.from}, digest ${found.digest}, of the histories ${await digestOfHistories(WORKER)}\n${progressLine(found, histories)}\n\n${statisticsTable(found.statistics)}\n`,
  );
  if (found.findings.length > 0 || untried(found.statistics).length > 0) process.exitCode = 1;
}

if (values.help) console.log(HELP);
else if (values.plan !== undefined) await replay(JSON.parse(readFileSync(values.plan, 'utf8')) as Plan);
else if (values.replay !== undefined) await replay(planOf({ seed: values.replay, ...drawn }));
else await explore();
