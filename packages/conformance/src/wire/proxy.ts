import { createServer, type Server } from 'node:net';
import { invalidRange } from '@autocluster/core/backend';
import type { FaultPort } from '../subject.js';
import { type Link, type LinkState, openLink } from './link.js';

/** A TCP proxy on loopback that stands between one client and a server, and misbehaves when it is told to. */
export interface Proxy extends FaultPort {
  /** The server's URL with our host and port. */
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

// Below what systems give to outgoing connections (Linux from 32768, others from 49152): nobody is given
// the port of a proxy that refuses, and no client that tries it connects to itself.
const LOWEST_PORT = 12_000;
const PORTS = 20_000;
const MOST_TRIES = 200;

// Processes that test side by side begin far from each other.
let nextPort = process.pid * 97;

function listen(port: number, state: LinkState): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (client) => openLink(client, state));
    server.once('error', reject);
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => resolve(server));
  });
}

const cannotHave = (error: unknown) =>
  error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES');

async function listenOnFreePort(state: LinkState): Promise<Server> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const port = LOWEST_PORT + (nextPort++ % PORTS);
    try {
      return await listen(port, state);
    } catch (error) {
      if (!cannotHave(error)) throw error;
    }
  }
  return listen(0, state);
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The server's URL, to be understood by the kit and by the backend alike. */
function parse(url: string): URL {
  if (!URL.canParse(url)) throw invalidRange('wire.url', url, 'a URL with a host and a port');
  const target = new URL(url);
  if (target.port === '')
    throw invalidRange('wire.url', url, 'a URL with a port that is not the default of its scheme');
  return target;
}

/** Opens a proxy before the server at `url`, such as `http://127.0.0.1:2379`. */
export async function openProxy(url: string): Promise<Proxy> {
  const target = parse(url);
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  const calm = { delayMs: 0, stalled: false, replies: 'pass', repliesLeft: 0 } as const;
  const state: LinkState = { links: new Set(), host, port: Number(target.port), ...calm };
  let server: Server | undefined = await listenOnFreePort(state);
  const port = portOf(server);
  target.host = `${LOOPBACK}:${port}`;
  const cut = (which: (link: Link) => boolean) => {
    for (const link of [...state.links].filter(which)) link.reset();
  };
  const setStalled = (stalled: boolean) => {
    state.stalled = stalled;
    for (const link of state.links) link.setStalled(stalled);
  };
  const spoil = (replies: LinkState['replies'], after = 0) => {
    state.replies = replies;
    state.repliesLeft = after;
  };
  const refuse = () => {
    server?.close();
    server = undefined;
    cut(() => true);
  };
  const isRoot = target.pathname === '/' && !url.endsWith('/');
  return {
    url: isRoot ? target.href.replace(/\/(?=[?#]|$)/, '') : target.href,
    stall: () => setStalled(true),
    dropReplies: (after) => spoil('drop', after),
    cutReplies: (after) => spoil('cut', after),
    garble: () => spoil('garble'),
    delay: (ms) => void (state.delayMs = ms),
    refuse,
    async heal() {
      spoil('pass');
      state.delayMs = 0;
      setStalled(false);
      cut((link) => link.damaged());
      server ??= await listen(port, state);
    },
    async close() {
      refuse();
    },
  };
}
