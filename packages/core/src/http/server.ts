import { createServer } from 'node:http';
import { invalidRange, requireKnown, requireText, requireWhole } from '../errors/index.js';
import type { ClusterNode } from '../node/index.js';
import { healthHandler } from './handler.js';

export interface HealthServerOptions {
  /** 0: one that is free. */
  readonly port: number;
  /** The address to listen on. Default: `127.0.0.1`, which only this machine reaches. */
  readonly host?: string;
}

export interface HealthServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves the health of a node over HTTP until it is closed or the node has ended. Rejects when it cannot listen. */
export async function serveHealth(node: ClusterNode, options: HealthServerOptions): Promise<HealthServer> {
  requireKnown(options, ['port', 'host'], 'serveHealth');
  const port = requireWhole('port', options.port, { min: 0, max: 65_535 });
  const host = options.host === undefined ? '127.0.0.1' : requireText('host', options.host);
  const server = createServer(healthHandler(node));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(invalidRange('port', port, `one that is free on ${host} (${cause.message})`)),
    );
    server.listen(port, host, resolve);
  });
  // A connection that could not be accepted, e.g. for want of file descriptors, is lost to the one who asked only.
  server.on('error', () => undefined);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve());
      // Connections that are kept open would keep the process alive.
      server.closeAllConnections();
    });
    return closed;
  };
  void node.ended.then(close);
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  return { host, port: bound, close, [Symbol.asyncDispose]: close };
}
