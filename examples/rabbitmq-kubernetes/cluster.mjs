import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startStore } from './store.mjs';

// Three nodes on one machine, told apart by names and ports. Ends, and leaves nothing behind, at Ctrl-C.
const NUMBERS = [1, 2, 3];
const EPMD = 14_369;
const amqpPort = (number) => 15_672 + number;
const healthPort = (number) => 18_080 + number;
const PROGRAM = fileURLToPath(new URL('./node.mjs', import.meta.url));
// Debian has epmd and erl in /usr/bin, RabbitMQ's commands in /usr/sbin.
const PATH = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter);

const folder = mkdtempSync(join(tmpdir(), 'rabbitmq-example-'));
const secret = join(folder, 'cookie');
writeFileSync(secret, randomBytes(16).toString('hex'), { mode: 0o400 });
const ending = new AbortController();
const children = [];

/** Everything that is started ends with this program; what cannot be started ends it. */
function start(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, PATH, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
  child.once('error', (error) => {
    console.error(`${command} cannot be started: ${error.message}`);
    process.exitCode = 1;
    ending.abort();
  });
  children.push(child);
  return child;
}

/** Everything of one node in a folder of its own. */
function environment(number) {
  const home = join(folder, `rabbit${number}`);
  mkdirSync(home);
  for (const file of ['rabbitmq.conf', 'rabbitmq-env.conf']) writeFileSync(join(home, file), '');
  writeFileSync(join(home, 'enabled_plugins'), '[].\n');
  return {
    HOME: home,
    ERL_EPMD_PORT: String(EPMD),
    ERL_FLAGS: '-start_epmd false',
    ERLANG_COOKIE_FILE: secret,
    HEALTH_PORT: String(healthPort(number)),
    RABBITMQ_NODENAME: `rabbit${number}@127.0.0.1`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(amqpPort(number)),
    RABBITMQ_DIST_PORT: String(amqpPort(number) + 10_000),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_MNESIA_BASE: join(home, 'data'),
    RABBITMQ_LOG_BASE: join(home, 'log'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(home, 'generated'),
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(home, 'rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(home, 'pid'),
  };
}

const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true));
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
  });

/** Erlang's port mapper. A node that finds none starts one, which would outlive this program: the nodes start after it. */
async function startEpmd(signal) {
  start('epmd', ['-port', String(EPMD), '-address', '127.0.0.1']);
  while (!(await accepts(EPMD))) await pause(50, undefined, { signal });
}

/** Undefined while nobody listens there. */
const ask = (number, path) => fetch(`http://127.0.0.1:${healthPort(number)}${path}`).catch(() => undefined);

async function isReady(number) {
  const answer = await ask(number, '/readyz');
  return answer?.ok === true;
}

/** Looks every half second until all of them serve, and shows what each says of its cluster. */
async function showHealth(signal) {
  while (!(await Promise.all(NUMBERS.map(isReady))).every(Boolean)) await pause(500, undefined, { signal });
  for (const number of NUMBERS) {
    const answer = await ask(number, '/health?format=text');
    if (answer) console.log(await answer.text());
  }
  console.log(`One cluster of ${NUMBERS.length}. Ctrl-C ends it.`);
}

async function runNodes() {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => ending.abort());
  const store = startStore({ folder, start });
  await startEpmd(ending.signal);
  const nodes = NUMBERS.map((number) => start(process.execPath, [PROGRAM], { ...environment(number), ...store }));
  console.log(`The nodes start; AMQP on the ports ${NUMBERS.map(amqpPort).join(', ')}.`);
  ending.signal.addEventListener('abort', () => nodes.forEach((node) => node.kill('SIGTERM')));
  // Whichever ends first ends all.
  const ends = Promise.all(nodes.map((node) => once(node, 'exit').finally(() => ending.abort())));
  showHealth(ending.signal).catch(() => undefined);
  const statuses = (await ends).map(([code]) => code ?? 1);
  process.exitCode ||= Math.max(...statuses);
}

try {
  await runNodes();
} catch (error) {
  if (!ending.signal.aborted) throw error;
} finally {
  ending.abort();
  for (const child of children) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
