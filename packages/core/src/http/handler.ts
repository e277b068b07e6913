import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalidRange, requireKnown, requireText } from '../errors/index.js';
import { type HealthReport, healthText, type ProbeKind } from '../health/index.js';
import type { ClusterNode } from '../node/index.js';
import { metricsText } from './metrics.js';

export interface HealthHandlerOptions {
  /** What stands before each path, as an URL shows it, e.g. `/cluster`. Default: nothing. */
  readonly prefix?: string;
}

export type HealthHandler = (request: IncomingMessage, response: ServerResponse) => void;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What a path is completed with; only the path is looked at. */
const BASE = 'http://node';
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';

const PROBES: Readonly<Record<string, ProbeKind>> = { '/livez': 'live', '/startupz': 'started', '/readyz': 'ready' };

const wantsText = ({ headers }: IncomingMessage, query: URLSearchParams): boolean =>
  query.get('format') === 'text' || (headers.accept ?? '').startsWith('text/plain');

function healthAnswer(report: HealthReport, asText: boolean): Answer {
  const status = report.status === 'ok' ? 200 : 503;
  return asText
    ? { status, type: TEXT, body: `${healthText(report)}\n` }
    : { status, type: JSON_TYPE, body: `${JSON.stringify(report, undefined, 2)}\n` };
}

/** What no request could have before its path would hide every probe. */
function requirePath(option: string, value: unknown): string {
  const text = requireText(option, value);
  if (URL.canParse(text, BASE) && new URL(text, BASE).pathname === text) return text;
  throw invalidRange(option, text, 'a path as an URL shows it, e.g. /cluster');
}

/**
 * Answers `GET` and `HEAD` of `/livez`, `/readyz`, `/startupz`, `/health` (JSON, or text with `?format=text`) and `/metrics`: for
 * `http.createServer`, and for frameworks that take a handler of requests.
 *
 * `/livez` never fails because the store is away, the daemon is down or the node waits to be formed.
 */
export function healthHandler(node: ClusterNode, options: HealthHandlerOptions = {}): HealthHandler {
  requireKnown(options, ['prefix'], 'healthHandler');
  const prefix = options.prefix === undefined ? '' : requirePath('prefix', options.prefix).replace(/\/$/, '');
  let asking: Promise<HealthReport> | undefined;

  /** Many who ask at the same time cost the store one question. */
  function health(): Promise<HealthReport> {
    asking ??= node.health().finally(() => (asking = undefined));
    return asking;
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    const asked = request.url ?? '/';
    if (!URL.canParse(asked, BASE)) return { status: 400, type: TEXT, body: 'no path\n' };
    const { pathname, searchParams } = new URL(asked, BASE);
    const path = pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : '';
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, type: TEXT, body: 'GET or HEAD\n' };
    const kind = PROBES[path];
    if (kind) {
      const { ok, detail } = await node.probe(kind);
      return { status: ok ? 200 : 503, type: TEXT, body: `${ok ? 'ok' : 'not ok'}: ${detail}\n` };
    }
    if (path === '/health') return healthAnswer(await health(), wantsText(request, searchParams));
    if (path === '/metrics') return { status: 200, type: METRICS, body: metricsText(node) };
    return { status: 404, type: TEXT, body: 'not found\n' };
  }

  return (request, response) => {
    // Somebody else may have answered meanwhile, e.g. the time limit of a framework.
    const isOpen = () => !response.headersSent && !response.writableEnded;
    answer(request).then(
      ({ status, type, body }) => {
        if (!isOpen()) return;
        const allow = status === 405 ? { allow: 'GET, HEAD' } : {};
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...allow });
        response.end(request.method === 'HEAD' ? undefined : body);
      },
      () => {
        if (!isOpen()) return;
        response.writeHead(500, { 'content-type': TEXT });
        response.end('the node could not answer\n');
      },
    );
  };
}
