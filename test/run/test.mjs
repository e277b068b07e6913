#!/usr/bin/env node
import { endChildren, endWithChildren, wasEnded } from './lib/command.mjs';
import { install, installCommand, isInstalled } from './lib/install.mjs';
import { requireNode } from './lib/node-version.mjs';
import { HELP, readOptions, STAGES, TEST_STAGES } from './lib/options.mjs';
import { countsLine, sumOf, table, withoutGaps } from './lib/report.mjs';
import { provideServers } from './lib/servers.mjs';
import { staticStages, testStage } from './lib/stages.mjs';
import { findSuites } from './lib/suites.mjs';
import { seconds, stopwatch } from './lib/time.mjs';

const inCi = process.env.CI === 'true';
const took = stopwatch();
const header = (title) => console.log(`\n== ${title} (${seconds(took())} so far)`);

async function installStage(everything) {
  header(`dependencies: ${installCommand}`);
  if (!everything && isInstalled()) {
    console.log('up to date');
    return [];
  }
  const { ok, tookMs } = await install(console.log);
  return [{ name: 'install', tookMs, passed: 0, failed: ok ? 0 : 1, skipped: 0 }];
}

/** Stages that run tests, in order: what needs a server waits for it, everything before does not. */
async function testStages({ stages, vitest }, suites, servers) {
  const results = [];
  for (const name of stages.filter((each) => TEST_STAGES.includes(each))) {
    const files = suites.filter(({ stage }) => stage === name).map(({ file }) => file);
    if (wasEnded()) break;
    header(`${name}: ${files.length} files`);
    if (name === 'real') results.push(await servers);
    const result = await testStage(name, files, vitest, console.log);
    results.push(inCi && name !== 'unit' ? withoutGaps(result) : result);
  }
  return results;
}

function conclude(results) {
  const notRun = results.flatMap(({ skippedNames }) => skippedNames ?? []);
  header('summary');
  console.log(table(results));
  if (notRun.length > 0) console.log(`\nNot run:\n${notRun.map((name) => `  ${name}`).join('\n')}`);
  const counts = sumOf(results);
  process.exitCode ||= counts.failed > 0 ? 1 : 0;
  console.log(`\n${countsLine(counts)}`);
}

/** The packages are tried, and linted against each other, as they are built. */
const staticNames = (stages) =>
  STAGES.filter((name) => !TEST_STAGES.includes(name)).filter(
    (name) => stages.includes(name) || (name === 'build' && (stages.includes('pack') || stages.includes('lint'))),
  );

async function main(options) {
  const suites = findSuites();
  const needed = options.stages.includes('real') ? suites.flatMap(({ servers }) => servers) : [];
  const servers = provideServers([...new Set(needed)], (line) => console.log(`servers | ${line}`));
  const results = await installStage(options.stages.length === STAGES.length);
  if (results.every(({ failed }) => failed === 0)) {
    const statics = staticNames(options.stages);
    if (statics.length > 0) header(statics.join(', '));
    results.push(...(await staticStages(statics, console.log)));
    results.push(...(await testStages(options, suites, servers)));
  }
  endChildren();
  conclude(results);
}

function options() {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    return process.exit(2);
  }
}

requireNode();
const chosen = options();
if (chosen.help) console.log(HELP);
else {
  endWithChildren();
  await main(chosen);
}
