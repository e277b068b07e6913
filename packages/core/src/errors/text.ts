import { isClusterError } from './error.js';

/** What was thrown, as a text. Foreign code may throw what cannot be made one. */
export function textOf(thrown: unknown): string {
  try {
    return String(isClusterError(thrown) || thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'what it threw has no text';
  }
}
