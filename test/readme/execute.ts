import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { top } from '../architecture/tree.ts';
import { run } from '../run/lib/command.mjs';
import { tool } from '../run/lib/workspace.mjs';
import type { Snippet } from './snippets.ts';

/** Runs a snippet as it stands, in an empty folder, against the sources of the packages. */
export async function execute({
  code,
  language,
}: Snippet): Promise<{ readonly code: number; readonly output: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'autocluster-readme-'));
  try {
    const file = join(folder, `snippet.m${language}`);
    writeFileSync(file, code);
    symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'));
    const command = [...tool('tsx', 'tsx'), '--tsconfig', join(top, 'test', 'tsconfig.json'), file];
    const { code: exitCode, output } = await run(command, { cwd: folder });
    return { code: exitCode, output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
