import { join } from 'node:path';
import { run } from './command.mjs';
import { hashOf, isStamped, stamp } from './stamp.mjs';
import { manifests, top } from './workspace.mjs';

const PNPM = 'pnpm@12.21.0';
const INSTALL = ['npx', '-y', PNPM, 'install', '--frozen-lockfile'];

export const installCommand = INSTALL.join(' ');

/** Runs pnpm without it being installed. */
export const pnpm = (args, options) => run(['npx', '-y', PNPM, ...args], options);

function inputs() {
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml'].map((name) => join(top, name));
  return hashOf([...files, ...manifests()], process.platform, process.arch);
}

export const isInstalled = () => isStamped('install', inputs());

/** Installs exactly what the lock file says; its store makes a second time quick. */
export async function install(onLine) {
  const result = await run(INSTALL, { cwd: top, onLine });
  if (result.ok) stamp('install', inputs());
  return result;
}
