import { availableParallelism } from 'node:os';
import { build } from './build.mjs';
import { run } from './command.mjs';
import { runVitest } from './vitest.mjs';
import { seconds, stopwatch } from './time.mjs';
import { tool, top } from './workspace.mjs';

const PROCESSORS = availableParallelism();

const CHECKS = {
  types: () => [...tool('typescript', 'tsc'), '-p', 'test/tsconfig.json', '--noEmit'],
  lint: () => [...tool('oxlint', 'oxlint'), '--type-aware', '--deny-warnings'],
  format: () => [...tool('@biomejs/biome', 'biome'), 'format', '.'],
};

const verdict = (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });

/** A command that says yes or no. Its words matter only when it says no. */
async function check(name, say) {
  const { ok, output, tookMs } = await run(CHECKS[name](), { cwd: top });
  if (!ok) for (const line of output) say(`${name} | ${line}`);
  say(`${name}: ${ok ? 'ok' : 'FAILED'} in ${seconds(tookMs)}`);
  return { name, tookMs, ...verdict(ok) };
}

async function buildStage(say) {
  const took = stopwatch();
  const { ok, built, total } = await build({ onLine: (line) => say(`build | ${line}`) });
  say(`build: ${ok ? 'ok' : 'FAILED'} in ${seconds(took())}, ${built} of ${total} packages had changed`);
  return { name: 'build', tookMs: took(), ...verdict(ok) };
}

/**
 * What looks at the sources without running them, as much of it at once as there are processors. The linter takes a
 * package's types from what is built, so it comes after the build.
 */
export async function staticStages(names, say) {
  const open = ['build', 'types', 'format'].filter((name) => names.includes(name));
  const results = new Map();
  const worker = async () => {
    for (let name = open.shift(); name !== undefined; name = open.shift()) {
      results.set(name, await (name === 'build' ? buildStage(say) : check(name, say)));
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, PROCESSORS) }, worker));
  if (names.includes('lint')) results.set('lint', await check('lint', say));
  return names.flatMap((name) => results.get(name) ?? []);
}

/** How many test files run at once. Those on real servers wait for leases to end most of their time. */
const WORKERS = { unit: PROCESSORS, pack: 1, real: PROCESSORS + 2 };

export async function testStage(name, files, args, say) {
  const took = stopwatch();
  const onLine = (line) => (line.startsWith('JSON report written') ? undefined : say(line));
  const counts = await runVitest({ files, args, workers: WORKERS[name], onLine });
  return { name, tookMs: took(), ...counts };
}
