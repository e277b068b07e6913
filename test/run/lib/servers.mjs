import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';
import { top } from './workspace.mjs';

const PROVIDE = join(top, 'test', 'servers', 'provide.mjs');

/**
 * Finds or builds the servers, in the background of everything else: a cold build takes minutes.
 * Which of them are missing in the end, each suite asks for itself.
 */
export async function provideServers(names, onLine) {
  if (names.length === 0 || !existsSync(PROVIDE)) return;
  const command = [process.execPath, PROVIDE, '--only', names.join(',')];
  await run(command, { cwd: top, background: true, onLine });
}
