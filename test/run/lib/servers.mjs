import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';
import { top } from './workspace.mjs';

const PROVIDE = join(top, 'test', 'servers', 'provide.mjs');

/**
 * Finds or builds the servers, in the background of everything else: a cold build takes minutes.
 * Which of them are missing in the end, each suite asks for itself.
 *
 * @returns the stage's line in the summary
 */
export async function provideServers(names, onLine) {
  const line = { name: 'servers', tookMs: 0, passed: 0, failed: 0, skipped: 0 };
  if (names.length === 0 || !existsSync(PROVIDE)) return line;
  const command = [process.execPath, PROVIDE, '--only', names.join(',')];
  const { tookMs } = await run(command, { cwd: top, background: true, onLine });
  return { ...line, tookMs };
}
