import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { findOnPath } from './locate.mjs';

// Debian asks this file before it starts a service of a package; 101 means "not allowed".
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY = '#!/bin/sh\nexit 101\n';
const RABBITMQ_PID_FILE = '/run/rabbitmq/pid';
const PROGRESS_EVERY_MS = 30_000;

export const canInstall = (env = process.env) => process.getuid?.() === 0 && findOnPath('apt-get', env) !== undefined;

export const installCommand = (packageName) => ['apt-get', 'install', '-y', '--no-install-recommends', packageName];

function run([command, ...args], log) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const progress = setInterval(
    () => log(`still installing: ${output.trimEnd().split('\n').at(-1)}`),
    PROGRESS_EVERY_MS,
  );
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  }).finally(() => clearInterval(progress));
}

async function withoutServiceStarts(work) {
  if (existsSync(POLICY_FILE)) return work();
  writeFileSync(POLICY_FILE, POLICY, { mode: 0o755 });
  try {
    return await work();
  } finally {
    rmSync(POLICY_FILE, { force: true });
  }
}

/** A policy file of somebody else may have allowed the start; the service's own pid file says which process it is. */
function endService(log) {
  if (!existsSync(RABBITMQ_PID_FILE)) return;
  const pid = Number.parseInt(readFileSync(RABBITMQ_PID_FILE, 'utf8'), 10);
  if (!Number.isInteger(pid) || pid <= 1) return;
  try {
    process.kill(pid, 'SIGTERM');
    log(`ended the service that the package had started, process ${pid}`);
  } catch {
    // It is gone already.
  }
}

export async function install(packageName, log) {
  const [command, ...args] = installCommand(packageName);
  const whole = [command, '-o', 'DPkg::Lock::Timeout=600', ...args];
  await withoutServiceStarts(async () => {
    let result = await run(whole, log);
    if (result.code !== 0) {
      log('apt-get knows no such package yet, refreshing its lists');
      await run(['apt-get', 'update'], log);
      result = await run(whole, log);
    }
    if (result.code !== 0)
      throw new Error(`${whole.join(' ')} ended with ${result.code}:\n${result.output.slice(-2000)}`);
  });
  endService(log);
}
