import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { keepFolder, reapFolder } from './reaper.ts';

export function makeFolder(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `autocluster-${purpose}-`));
  reapFolder(folder);
  return folder;
}

export async function makeSubfolder(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  return path;
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  keepFolder(folder);
}

/** After a failed start: the log stays for the reader of the error, everything else goes. */
export async function keepOnlyLogs(folder: string, logFiles: readonly string[]): Promise<void> {
  const kept = new Set(logFiles.filter((file) => dirname(file) === folder).map((file) => basename(file)));
  const others = (await readdir(folder)).filter((entry) => !kept.has(entry));
  await Promise.all(others.map((entry) => rm(join(folder, entry), { recursive: true, force: true })));
  keepFolder(folder);
}
