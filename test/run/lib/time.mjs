export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** Starts a stopwatch; each call of it tells the milliseconds since. */
export function stopwatch() {
  const started = performance.now();
  return () => performance.now() - started;
}
