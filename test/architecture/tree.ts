import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from './source.ts';

export const top = fileURLToPath(new URL('../..', import.meta.url));

const list = (...options: string[]) =>
  execFileSync('git', ['ls-files', '-z', ...options], { cwd: top, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '');

const isText = (text: string) => !text.includes('\0');

/** What is tracked, and what would be with `git add`; a file that was deleted but not yet committed is gone. */
export function readTree(): SourceFile[] {
  const deleted = new Set(list('--deleted'));
  const paths = new Set(list('--cached', '--others', '--exclude-standard'));
  return [...paths]
    .filter((path) => !deleted.has(path))
    .map((path) => ({ path, text: readFileSync(join(top, path), 'utf8') }))
    .filter(({ text }) => isText(text));
}
