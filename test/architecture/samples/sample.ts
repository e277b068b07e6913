import type { SourceFile } from '../source.ts';

/** A small tree, and what a rule must say about it. */
export interface Sample {
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  /** The beginning of each violation, `file:line words`; none for a good tree. */
  readonly violations: readonly string[];
}

export const filesOf = ({ files }: Sample): SourceFile[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }));

export const good = (title: string, files: Sample['files']): Sample => ({ title, files, violations: [] });

export const bad = (title: string, files: Sample['files'], violation: string, ...more: string[]): Sample => ({
  title,
  files,
  violations: [violation, ...more],
});

export const lines = (count: number, text = ';'): string => Array.from({ length: count }, () => text).join('\n');
