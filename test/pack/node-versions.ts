import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../run/lib/command.mjs';

/** Besides the one that runs the tests: the later lines, each as a package that holds the program. */
export const OTHER_NODES = ['22.23.3', '24.9.0', '26.10.0'] as const;

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64'];

const platform = `${process.platform}-${process.arch}`;
const packageName = `node-${platform}`;

function cacheFolder(version: string, env = process.env): string {
  const root = env.AUTOCLUSTER_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'autocluster');
  return join(root, 'node', `${version}-${platform}`);
}

const programIn = (folder: string) => join(folder, 'node_modules', packageName, 'bin', 'node');

export interface NodeProgram {
  readonly path?: string;
  /** Why there is none. */
  readonly missing?: string;
}

/** Installs beside the final place and renames, so that another run sees a whole program or none. */
async function fetchNode(version: string, folder: string): Promise<NodeProgram> {
  mkdirSync(join(folder, '..'), { recursive: true });
  const unfinished = mkdtempSync(`${folder}-`);
  try {
    writeFileSync(join(unfinished, 'package.json'), '{ "private": true }');
    const command = ['npm', 'install', '--no-audit', '--no-fund', `${packageName}@${version}`];
    const { ok, output } = await run(command, { cwd: unfinished });
    if (!ok) return { missing: `${command.join(' ')} failed: ${output.at(-1) ?? ''}` };
    if (!existsSync(folder)) renameSync(unfinished, folder);
    return { path: programIn(folder) };
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

export async function provideNode(version: string): Promise<NodeProgram> {
  if (version === process.versions.node) return { path: process.execPath };
  if (!PLATFORMS.includes(platform)) return { missing: `there is no package of Node ${version} for ${platform}` };
  const folder = cacheFolder(version);
  return existsSync(programIn(folder)) ? { path: programIn(folder) } : fetchNode(version, folder);
}
