import { createServer, type ListenOptions, type Server } from 'node:net';
import { removeFolder } from './folder.ts';

// Below Linux's ephemeral range (32768 and up): while a server is down for a restart, no outgoing connection can take
// its port, and no client that reconnects to the closed port can connect to itself.
const LOWEST = 12_000;
const HIGHEST = 31_999;

export const LOOPBACK = '127.0.0.1';

function listenOn(place: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ ...place, exclusive: true }, () => resolve(server));
  });
}

/**
 * Whether this process may use a port from now on: for as long as it lives no other one that asks here is given it, also while
 * its server is down for a restart. The name of a socket that is no file ends with its process, however that ends.
 */
async function claim(port: number): Promise<boolean> {
  const claimed = await listenOn({ path: `\0autocluster-test-port-${port}` });
  claimed?.unref();
  return claimed !== undefined;
}

const close = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));

/**
 * Ports that nobody listened on a moment ago, all different, and given to no other test. Somebody else may still take one: see
 * `onFreePorts`.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held = new Map<number, Server>();
  while (held.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    const server = await listenOn({ port, host: LOOPBACK });
    if (server && (await claim(port))) held.set(port, server);
    else if (server) await close(server);
  }
  await Promise.all([...held.values()].map(close));
  return [...held.keys()];
}

export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
  /** Holds the log; goes when the start is tried again. */
  readonly folder: string | undefined;

  constructor(message: string, { folder, cause }: { folder?: string; cause?: unknown } = {}) {
    super(message, { cause });
    this.folder = folder;
  }
}

export const saysPortTaken = (log: string) =>
  /address already in use|eaddrinuse|port is already (?:in use|allocated)/i.test(log);

/** Runs `start` with free ports, and again with others when somebody else took one of them in between. */
export async function onFreePorts<T>(
  count: number,
  start: (ports: readonly number[]) => Promise<T>,
  { tries = 4, choose = freePorts }: { tries?: number; choose?: (count: number) => Promise<readonly number[]> } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await choose(count));
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt >= tries) throw error;
      if (error.folder !== undefined) await removeFolder(error.folder);
    }
  }
}

/** The port at `index`; a missing one is a mistake of the harness, not of a test. */
export function portAt(ports: readonly number[], index: number): number {
  const port = ports[index];
  if (port === undefined) throw new RangeError(`no port at ${index}`);
  return port;
}
