const begunMs = performance.now();

export function progress(text: string): void {
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
  process.stderr.write(`[${seconds.padStart(4)} s] ${text}\n`);
}
