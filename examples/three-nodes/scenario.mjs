import { setTimeout as pause } from 'node:timers/promises';
import { describeTiming } from '@autocluster/core';
import { Fleet } from './fleet.mjs';
import { openStore } from './store.mjs';

const STOP_LIMIT_MS = 15_000;
/** A removal that may take longer is not waited for. */
const REMOVAL_WAIT_MS = 40_000;
const HEALTH_EVERY_MS = 500;

class Broken extends Error {}
function promise(holds, otherwise) {
  if (!holds) throw new Broken(otherwise);
}

async function timed(phases, name, bound, run) {
  const startedAtMs = performance.now();
  const result = await run();
  phases.push({ name, ms: Math.round(performance.now() - startedAtMs), ...(bound !== undefined && { bound }) });
  return result;
}

/** Loaded first, so that all of them can start at the same moment. */
async function load(fleet, names) {
  const members = names.map((name) => fleet.launch(name));
  await Promise.all(members.map(({ loaded }) => loaded));
  return members;
}

function checkFormed(states) {
  const clusters = new Set(states.map(({ identity }) => identity?.clusterId));
  const creators = states.filter(({ role }) => role === 'creator').length;
  promise(clusters.size === 1 && !clusters.has(undefined), `there are ${clusters.size} clusters`);
  promise(creators === 1, `${creators} nodes created a cluster`);
  return [...clusters][0];
}

/** The first look loads the client of the store as well: five seconds for that of a kubeconfig, beside twelve busy processes. */
const LOOK_LIMIT_MS = 30_000;

/** The store as somebody sees it who is not a node. */
async function listStore({ store, cluster }) {
  const backend = await openStore(store, cluster);
  const clock = { monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000, wallMs: () => Date.now() };
  try {
    return await backend.list({ signal: AbortSignal.timeout(LOOK_LIMIT_MS), timeoutMs: LOOK_LIMIT_MS, clock });
  } finally {
    await backend.close();
  }
}

export async function timingOf({ store, cluster, ttlMs }) {
  const backend = await openStore(store, cluster);
  try {
    // Much shorter than anybody wants in earnest: one who watches does not wait for minutes.
    const { callTimeoutMs } = describeTiming({ backend, ttlMs });
    const cleanup = { mode: 'remove', intervalMs: Math.ceil(3 * callTimeoutMs), restartMs: 0 };
    return { ...describeTiming({ backend, ttlMs, cleanup }), cleanup };
  } finally {
    await backend.close();
  }
}

/** Asks one node how it is. */
async function askHealth(fleet, member) {
  delete member.health;
  member.child.send('health');
  await fleet.until(`${member.name} tells its health`, () => member.health, STOP_LIMIT_MS);
  return member.health;
}

/** Every node is well: what it is told by others, and by the record, needs a moment. */
async function becomeHealthy(fleet, limitMs) {
  for (const member of fleet.running) {
    const endMs = performance.now() + limitMs;
    let report = await askHealth(fleet, member);
    while (report.status !== 'ok' && performance.now() < endMs) {
      await pause(HEALTH_EVERY_MS);
      report = await askHealth(fleet, member);
    }
    const bad = report.checks
      .filter(({ status }) => status !== 'ok')
      .map(({ name, evidence }) => `${name}: ${evidence}`);
    promise(bad.length === 0, `${member.name} is not well: ${bad.join('; ')}`);
  }
}

/** Whoever cleans up removes it after the grace, when a majority of all that there were is left to say that it is gone. */
async function removeTheDead(fleet, screen, phases, { removalMs }, name) {
  const bound = Math.round(removalMs);
  const { size } = fleet.members;
  if (fleet.running.length * 2 <= size) return screen.act(`cleanup keeps ${name}: no majority of ${size} is left`);
  if (bound > REMOVAL_WAIT_MS)
    return screen.act(`cleanup would remove ${name} within ${bound} ms; it comes back before`);
  screen.act(`cleanup removes ${name} once it was away for the grace`);
  await timed(phases, `${name} removed by cleanup`, bound, () =>
    // The bound is for a store that answers in time; after an answer that was late, the grace begins anew.
    fleet.until(`cleanup removes ${name}`, () => fleet.running.some(({ forgot }) => forgot === name), 3 * removalMs),
  );
}

async function loseAndTakeBack(fleet, screen, phases, timing, clusterId) {
  const victim = fleet.running.find(({ role }) => role === 'creator') ?? fleet.running[0];
  const { name, instance } = victim;
  screen.act(`${name} is killed with SIGKILL; its lease runs out within ${Math.round(timing.detectionMs)} ms`);
  await timed(phases, `${name} killed: the others see it go`, Math.round(timing.detectionMs), async () => {
    fleet.killed = instance;
    victim.child.kill('SIGKILL');
    await victim.exited;
    const unseen = () => fleet.running.every(({ view }) => !view.includes(name));
    await fleet.until(`every other node has seen ${name} go`, unseen, timing.detectionMs);
  });
  await askHealth(fleet, fleet.running[0]);
  await removeTheDead(fleet, screen, phases, timing, name);
  screen.act(`${name} comes back as a new instance`);
  const back = fleet.launch(name);
  await back.loaded;
  const state = await timed(phases, `${name} back in the cluster`, undefined, async () => {
    const [formed] = await fleet.start([back]);
    return formed;
  });
  promise(state.identity?.clusterId === clusterId, `${name} is in another cluster than before`);
  promise(back.instance !== instance, `${name} came back as the same instance`);
  const seen = () => fleet.running.every(({ view }) => view.includes(name));
  await fleet.until(`every node sees ${name} again`, seen, timing.detectionMs);
  await becomeHealthy(fleet, timing.detectionMs);
}

async function stopEverything(fleet, screen, phases, setup, clusterId) {
  screen.act('every process is stopped');
  const ends = await timed(phases, 'every process stopped', undefined, () => fleet.stopAll(STOP_LIMIT_MS));
  const bad = ends.find(({ code }) => code !== 0);
  promise(!bad, `${bad?.name} did not stop cleanly: ${bad?.signal ?? `status ${bad?.code}`}`);
  const { members, record } = await listStore(setup);
  if (fleet.killed && members.some(({ instance }) => instance === fleet.killed)) return;
  promise(members.length === 0, `the store still lists ${members.map(({ node }) => node).join(', ')}`);
  promise(record.kind === 'present', `the record is ${record.kind}`);
  promise(record.record.clusterId === clusterId, 'the record names another cluster');
  promise(record.record.idle, 'the record does not say that everybody left');
}

/** Runs all acts; answers what happened and whether it was as promised. */
export async function runScenario(setup, screen, { keep, interrupted }) {
  const phases = [];
  const facts = { store: setup.store.split(':')[0], nodes: setup.nodes };
  const { nodes, ...forMembers } = setup;
  const timing = await timingOf(setup);
  const fleet = new Fleet({ ...forMembers, cleanup: timing.cleanup }, (member, event, data) =>
    screen.told(member, event, data),
  );
  screen.show(() => [...fleet.members.values()]);
  const acts = async () => {
    const names = Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
    screen.act(`${nodes} processes start at the same moment`);
    const members = await timed(phases, 'processes loaded', undefined, () => load(fleet, names));
    const states = await timed(phases, 'formation, from the first start to the last node', undefined, () =>
      fleet.start(members),
    );
    facts.cluster = checkFormed(states);
    screen.act(`one cluster: ${facts.cluster}`);
    if (keep) {
      screen.act('running until Ctrl-C');
      await new Promise(() => undefined);
    }
    if (nodes > 1) await loseAndTakeBack(fleet, screen, phases, timing, facts.cluster);
    await stopEverything(fleet, screen, phases, forMembers, facts.cluster);
  };
  try {
    const how = await Promise.race([acts().then(() => 'done'), interrupted.then(() => 'interrupted')]);
    if (how === 'interrupted') await endEarly(fleet, screen, phases, forMembers, facts);
    return { ok: keep || how === 'done', interrupted: how === 'interrupted', reason: how, phases, facts };
  } catch (error) {
    const errors = [...fleet.members.values()].map((member) => member.errors).join('');
    await fleet.stopAll(STOP_LIMIT_MS);
    return {
      ok: false,
      reason: `${error instanceof Error ? error.message : String(error)}${errors && `\n${errors}`}`,
      phases,
      facts,
    };
  }
}

async function endEarly(fleet, screen, phases, setup, facts) {
  if (facts.cluster) return stopEverything(fleet, screen, phases, setup, facts.cluster);
  await fleet.stopAll(STOP_LIMIT_MS);
}
