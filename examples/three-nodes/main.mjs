#!/usr/bin/env node
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runScenario, timingOf } from './scenario.mjs';
import { Screen } from './screen.mjs';
import { isStore, usualTtl } from './store.mjs';

const HELP = `Real processes form one cluster, lose one, remove it, take it back, and stop.

Usage: npm start -- [options]

  --store STORE   local, local:FOLDER, etcd://HOST:PORT[,HOST:PORT…], consul://HOST:PORT[,HOST:PORT…]
                  or kubernetes[:KUBECONFIG]
                                                                         (default: local, in a new temporary folder)
  --nodes N       how many processes, 1 to 50                            (default: 3)
  --ttl MS        how long the store keeps a dead process                (default: 3000; on Consul 10000)
  --keep          leave the cluster running until Ctrl-C
  --json          events and summary as lines of JSON
  --help          this text

Exit status: 0 when everything was as promised, 1 when not (with the reason), 2 for an option that cannot be used,
130 after Ctrl-C, when every process was stopped early.`;

function whole(name, text, min, max) {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new RangeError(`--${name} is ${text}; allowed: a whole number from ${min} to ${max}`);
  }
  return value;
}

function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      store: { type: 'string', default: 'local' },
      nodes: { type: 'string', default: '3' },
      ttl: { type: 'string' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.store !== 'local' && !isStore(values.store)) {
    const hosts = 'etcd://HOST:PORT[,HOST:PORT…], consul://HOST:PORT[,HOST:PORT…]';
    const allowed = `local, local:FOLDER, ${hosts} or kubernetes[:KUBECONFIG]`;
    throw new RangeError(`--store is ${values.store}; allowed: ${allowed}`);
  }
  const { ttl = String(usualTtl(values.store)) } = values;
  return { ...values, nodes: whole('nodes', values.nodes, 1, 50), ttl: whole('ttl', ttl, 100, 600_000) };
}

/** What the store does not allow is known before anything is started. */
async function requireTtl({ store, ttl }) {
  const unused = store === 'local' ? `local:${tmpdir()}` : store;
  await timingOf({ store: unused, cluster: 'three-nodes', ttlMs: ttl });
}

async function main({ store, nodes, ttl, keep, json }) {
  const folder = store === 'local' ? await mkdtemp(join(tmpdir(), 'autocluster-')) : undefined;
  const setup = {
    store: folder ? `local:${folder}` : store,
    cluster: `three-nodes-${process.pid}-${Date.now()}`,
    ttlMs: ttl,
    nodes,
  };
  const interrupted = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, resolve);
  });
  const screen = new Screen(process.stdout, { json });
  try {
    const result = await runScenario(setup, screen, { keep, interrupted });
    screen.summary(result);
    process.exitCode = result.ok ? 0 : result.interrupted ? 130 : 1;
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}

let options;
try {
  options = readOptions(process.argv.slice(2));
  if (!options.help) await requireTtl(options);
} catch (error) {
  console.error(`${error.message}\n\n${HELP}`);
  process.exit(2);
}
if (options.help) console.log(HELP);
else await main(options).then(() => process.exit());
