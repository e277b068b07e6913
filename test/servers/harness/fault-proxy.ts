import { createServer, type Server } from 'node:net';
import { type Link, openLink, type ProxyCounters, type ProxyState } from './fault-link.ts';
import { LOOPBACK, onFreePorts, portAt, PortTakenError } from './ports.ts';

export type { ProxyCounters } from './fault-link.ts';

/** A TCP proxy on loopback that stands between a client and a server and misbehaves on demand. */
export interface FaultProxy {
  /** The target's URL with our port. */
  readonly endpoint: string;
  readonly port: number;
  readonly counters: Readonly<ProxyCounters>;
  /** How many connections are open now. */
  open(): number;
  /** How long every chunk is held back, in each direction. */
  delayMs: number;
  /** Connections stay open and are accepted, but nothing passes in either direction. */
  pause(): void;
  resume(): void;
  /** Resets all connections. */
  cut(): void;
  /** New connections are refused; those that are open stay. */
  refuse(): void;
  accept(): Promise<void>;
  /** Requests pass, replies vanish. */
  dropReplies(): void;
  /** Ends `dropReplies`; connections whose replies have a hole are reset. */
  passReplies(): void;
  /** From now on every chunk of a reply has a wrong byte. */
  garbleReplies(): void;
  /** New connections go to another server. */
  retarget(target: string): void;
  close(): Promise<void>;
}

function listen(port: number, state: ProxyState): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (client) => openLink(client, state));
    server.once('error', (cause) => reject(new PortTakenError(`cannot listen on ${port}`, { cause })));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => resolve(server));
  });
}

function proxyOn(port: number, first: Server, state: ProxyState): FaultProxy {
  let server: Server | undefined = first;
  const setPaused = (paused: boolean) => {
    state.paused = paused;
    for (const link of state.links) link.setPaused(paused);
  };
  const cut = (which: (link: Link) => boolean) => {
    const links = [...state.links].filter(which);
    state.counters.cut += links.length;
    for (const link of links) link.reset();
  };
  const refuse = () => {
    server?.close();
    server = undefined;
  };
  return {
    endpoint: `${state.target.protocol}//${LOOPBACK}:${port}`,
    port,
    counters: state.counters,
    open: () => state.links.size,
    get delayMs() {
      return state.delayMs;
    },
    set delayMs(value) {
      state.delayMs = value;
    },
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    cut: () => cut(() => true),
    refuse,
    accept: async () => {
      server ??= await listen(port, state);
    },
    dropReplies: () => {
      state.droppingReplies = true;
    },
    passReplies: () => {
      state.droppingReplies = false;
      cut((link) => link.damaged());
    },
    garbleReplies: () => {
      state.garblingReplies = true;
    },
    retarget: (target) => {
      state.target = new URL(target);
    },
    close: async () => {
      refuse();
      cut(() => true);
    },
  };
}

/** `target` is a URL with a port, such as an etcd endpoint. */
export function faultProxy(target: string): Promise<FaultProxy> {
  const counters = { accepted: 0, cut: 0, bytesUp: 0, bytesDown: 0, droppedBytes: 0 };
  const calm = { delayMs: 0, paused: false, droppingReplies: false, garblingReplies: false };
  const state: ProxyState = { links: new Set(), counters, target: new URL(target), ...calm };
  return onFreePorts(1, async (ports) => {
    const port = portAt(ports, 0);
    return proxyOn(port, await listen(port, state), state);
  });
}
