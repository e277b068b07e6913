import { orLate, systemRuntime } from '@autocluster/core/runtime';
import { requireChosen, requireKnownIds } from '../run/choose.js';
import { type CaseResult, type Report, reportOf } from '../run/result.js';
import type { RunOptions } from '../run/run.js';
import { notAsked, verdictOf } from '../run/verdict.js';
import { DRIVER_NEEDS, type DriverCase } from './case.js';
import { DRIVER_CASES } from './cases/index.js';
import { Daemons } from './daemons.js';
import type { DriverSubject, DriverWorld } from './subject.js';

const CLOSING_MS = 30_000;
const NODES = ['a', 'b', 'c'];

const close = (world: DriverWorld): Promise<void> => orLate(systemRuntime, (async () => world.close())(), CLOSING_MS);

async function inWorld(each: DriverCase, subject: DriverSubject): Promise<void> {
  const world = await subject.world(NODES);
  try {
    await each.ask(new Daemons(world, subject));
  } finally {
    await close(world);
  }
}

/**
 * Asks a driver every case that its traits switch on, one after another. A case that fails does not reject: read the report.
 *
 * Throws `INVALID_OPTION` when `only` or the list of known failures names a case that does not exist.
 */
export async function runDriverCases(subject: DriverSubject, options: RunOptions = {}): Promise<Report> {
  const { clock } = systemRuntime;
  const beganMs = clock.monotonicMs();
  const chosen = requireChosen(DRIVER_CASES, options.only);
  requireKnownIds(DRIVER_CASES, subject.knownFailures);
  const world = await subject.world(['a']);
  const driver = world.driver('a');
  const { data, views, concurrentJoins } = driver;
  const missing = (each: DriverCase) => each.needs.find((need) => !DRIVER_NEEDS[need](driver));
  const results: CaseResult[] = [];
  for (const each of chosen) {
    const need = missing(each);
    const about = { ...each, rule: 'driver' };
    const result =
      need === undefined
        ? await verdictOf(about, subject.knownFailures?.[each.id], () => inWorld(each, subject))
        : notAsked(about, `asked of drivers with: ${need}`);
    results.push(result);
    options.onResult?.(result);
  }
  await close(world);
  const tookMs = Math.round(clock.monotonicMs() - beganMs);
  return reportOf(subject.name, { data, views, concurrentJoins }, results, tookMs);
}
