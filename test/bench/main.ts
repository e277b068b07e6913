import { cpus } from 'node:os';
import { type CleanupResult, cleanupTable, measureCleanup } from './cleanup.ts';
import { type FormationResult, formationTable, measureFormation } from './formation.ts';
import { type HandoffResult, handoffTable, measureHandoff } from './handoff.ts';
import { type IdleResult, idleTables, measureIdle } from './idle.ts';
import { type BenchOptions, HELP, readOptions } from './options.ts';
import { progress } from './progress.ts';
import { withStore } from './stores.ts';

interface Report {
  readonly node: string;
  readonly cpus: number;
  readonly measured: 'built packages';
  formation?: readonly FormationResult[];
  handoff?: readonly HandoffResult[];
  idle?: IdleResult;
  cleanup?: readonly CleanupResult[];
}

async function measure(options: BenchOptions): Promise<Report> {
  const report: Report = { node: process.version, cpus: cpus().length, measured: 'built packages' };
  for (const store of options.stores) {
    if (options.only.includes('formation')) {
      progress(`${store}: formation`);
      const results = await withStore(store, ({ place }) => measureFormation(place, options));
      report.formation = [...(report.formation ?? []), ...results];
    }
    if (options.only.includes('handoff')) {
      progress(`${store}: hand-off`);
      const results = await withStore(store, ({ place }) => measureHandoff(place, options));
      report.handoff = [...(report.handoff ?? []), ...results];
    }
  }
  if (options.only.includes('idle')) report.idle = await measureIdle(options);
  if (options.only.includes('cleanup')) report.cleanup = await measureCleanup(options);
  return report;
}

function show(report: Report): string {
  const parts = [`Node.js ${report.node}, ${report.cpus} CPUs, built packages. Compare ratios, not times.\n`];
  if (report.formation) parts.push(formationTable(report.formation));
  if (report.handoff) parts.push(handoffTable(report.handoff));
  if (report.idle) parts.push(idleTables(report.idle));
  if (report.cleanup) parts.push(cleanupTable(report.cleanup));
  return parts.join('\n');
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const report = await measure(options);
  process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : `\n${show(report)}`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof RangeError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
