import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Three nodes on one machine, told apart by names and ports. Ends, and leaves nothing behind, at Ctrl-C.
const NODES = 3;
const AMQP = 15_672;
const EPMD = 14_369;
const PROGRAM = fileURLToPath(new URL('./node.mjs', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'rabbitmq-etcd-'));
const secret = join(folder, 'cookie');
writeFileSync(secret, randomBytes(16).toString('hex'), { mode: 0o400 });
// Debian has epmd and erl in /usr/bin, RabbitMQ's commands in /usr/sbin.
const PATH = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter);
const children = [];

function start(command, args, env, { quiet = false } = {}) {
  const child = spawn(command, args, { env, stdio: ['ignore', quiet ? 'ignore' : 'inherit', 'inherit'] });
  child.once('error', (error) => console.error(`${command}: ${error.message}`));
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
    ...process.env,
    PATH,
    HOME: home,
    ERL_EPMD_PORT: String(EPMD),
    ERLANG_COOKIE_FILE: secret,
    RABBITMQ_NODENAME: `rabbit${number}@127.0.0.1`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(AMQP + number),
    RABBITMQ_DIST_PORT: String(AMQP + 10_000 + number),
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

/** The store, unless ETCD names one that runs. */
function startStore() {
  if (process.env.ETCD) return process.env.ETCD;
  const client = 'http://127.0.0.1:12379';
  const peer = 'http://127.0.0.1:12380';
  const args = ['--data-dir', join(folder, 'etcd'), '--listen-client-urls', client, '--advertise-client-urls', client];
  const found = spawnSync('etcd', ['--version'], { env: { ...process.env, PATH } });
  if (found.error) throw new Error('etcd is not on PATH; set ETCD=http://host:2379 to use one that runs');
  start(
    'etcd',
    [
      ...args,
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `default=${peer}`,
      '--log-level',
      'error',
    ],
    process.env,
    { quiet: true },
  );
  return client;
}

try {
  const ETCD = startStore();
  start('epmd', ['-port', String(EPMD), '-address', '127.0.0.1'], { ...process.env, PATH });
  const nodes = Array.from({ length: NODES }, (_each, index) =>
    start(process.execPath, [PROGRAM], { ...environment(index + 1), ETCD }, { quiet: true }),
  );
  console.log(`${NODES} nodes start; AMQP on the ports ${AMQP + 1} to ${AMQP + NODES}. Ctrl-C ends them.`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => nodes.forEach((node) => node.kill('SIGTERM')));
  const statuses = await Promise.all(nodes.map((node) => new Promise((resolve) => node.once('exit', resolve))));
  process.exitCode = Math.max(...statuses.map((status) => status ?? 1));
} finally {
  for (const child of children) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
