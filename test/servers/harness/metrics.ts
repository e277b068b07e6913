/** Series as printed, labels included, e.g. `etcd_server_has_leader` or `grpc_server_handled_total{grpc_code="OK",…}`. */
export type Metrics = ReadonlyMap<string, number>;

export function parseMetrics(text: string): Metrics {
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined)
      series.set(match[1], Number(match[2].replace('Inf', 'Infinity')));
  }
  return series;
}

/** The sum over all labels of one metric, 0 when it has not been counted yet. */
export function sumOf(metrics: Metrics, name: string, labels?: RegExp): number {
  let sum = 0;
  for (const [series, value] of metrics) {
    const ofName = series === name || series.startsWith(`${name}{`);
    if (ofName && (labels?.test(series) ?? true)) sum += value;
  }
  return sum;
}

export async function fetchMetrics(url: string, withinMs = 2000): Promise<Metrics> {
  const response = await fetch(url, { signal: AbortSignal.timeout(withinMs) });
  return parseMetrics(await response.text());
}
