import './light-abort.ts';
import { addStatistics, noStatistics, runPlan, planOf, statisticsOf, type Violation } from '@autocluster/testing';
import { type Finding, type Job, type Progress, seedOf } from './protocol.ts';

const REPORT_EVERY_MS = 1_000;
/** More of them say nothing new. */
const FINDINGS_MAX = 200;

const unhandled: string[] = [];
process.on('unhandledRejection', (error) => void unhandled.push(`unhandled rejection: ${String(error)}`));

async function runHistory(seed: string, { faults, nodes }: Job) {
  const plan = planOf({ seed, ...(faults && { faults }), ...(nodes !== undefined && { nodes }) });
  const outcome = await runPlan(plan);
  const stray = unhandled.splice(0).map((text): Violation => ({ oracle: 'V5', atMs: outcome.lastedMs, text }));
  return { ...outcome, violations: [...outcome.violations, ...stray] };
}

async function work(job: Job): Promise<void> {
  let statistics = noStatistics();
  let findings: Finding[] = [];
  let found = 0;
  const beganMs = performance.now();
  let reportedMs = beganMs;
  let cpu = process.cpuUsage();
  const report = (done: boolean) => {
    const { user, system } = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    const progress: Progress = { statistics, findings, cpuMs: (user + system) / 1_000, done };
    const sent = new Promise<void>((resolve) => void process.send?.(progress, undefined, undefined, () => resolve()));
    statistics = noStatistics();
    findings = [];
    reportedMs = performance.now();
    return sent;
  };
  for (let index = job.from; index < job.until; index += job.stride) {
    if (performance.now() - beganMs > (job.limitMs ?? Number.POSITIVE_INFINITY)) break;
    const seed = seedOf(job.seed, index);
    const outcome = await runHistory(seed, job);
    statistics = addStatistics(statistics, statisticsOf(outcome));
    if (outcome.violations.length > 0) {
      found += 1;
      if (found <= FINDINGS_MAX) findings.push({ seed, plan: outcome.plan, violations: outcome.violations });
      if (job.untilFirst) break;
    }
    if (performance.now() - reportedMs > REPORT_EVERY_MS) await report(false);
  }
  await report(true);
  process.disconnect();
}

// Nobody is left to tell: whoever asked is done, or dead.
process.on('disconnect', () => process.exit());
process.on('message', (job: Job) => {
  // It would be an unhandled rejection of a history, and whoever asked would wait for ever.
  work(job).catch((error: unknown) => {
    console.error(String(error));
    process.exit(1);
  });
});
