import { connect, type Socket } from 'node:net';

export interface ProxyCounters {
  accepted: number;
  cut: number;
  bytesUp: number;
  bytesDown: number;
  droppedBytes: number;
}

/** What a proxy does to all of its connections at the moment. */
export interface ProxyState {
  readonly links: Set<Link>;
  readonly counters: ProxyCounters;
  delayMs: number;
  paused: boolean;
  droppingReplies: boolean;
  garblingReplies: boolean;
  target: URL;
}

/** One client, and the connection to the server that was opened for it. */
export interface Link {
  /** Replies are missing, so the client must not read on. */
  damaged(): boolean;
  setPaused(paused: boolean): void;
  reset(): void;
}

interface DelayLine {
  add(work: () => void): void;
  flow(): void;
}

/** First in, first out, although the delay may change and timers of different lengths overtake each other. */
function delayLine(state: ProxyState): DelayLine {
  const waiting: { readonly at: number; readonly work: () => void }[] = [];
  const flow = () => {
    for (let head = waiting[0]; head !== undefined && !state.paused; head = waiting[0]) {
      const wait = head.at - performance.now();
      if (wait > 0) {
        setTimeout(flow, wait);
        return;
      }
      waiting.shift();
      head.work();
    }
  };
  const add = (work: () => void) => {
    waiting.push({ at: performance.now() + state.delayMs, work });
    if (waiting.length === 1) flow();
  };
  return { add, flow };
}

/** One direction; slows the sender down to the receiver. */
function pass(from: Socket, to: Socket, state: ProxyState, take: (chunk: Buffer) => boolean): DelayLine {
  const line = delayLine(state);
  from.on('data', (chunk: Buffer) => {
    line.add(() => {
      if (!take(chunk) || !to.writable || to.write(chunk)) return;
      from.pause();
      to.once('drain', () => state.paused || from.resume());
    });
  });
  from.on('end', () => line.add(() => to.end()));
  return line;
}

/**
 * Node 20 leaks a socket that is reset while its shutdown is pending, and then spins forever at the end of the process;
 * and it resets one that is still connecting only after it has connected. Both are closed without a reset.
 */
export function resetSafely(socket: Socket): void {
  const shuttingDown = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || shuttingDown) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}

/** Changes the last byte, so that no seal over the chunk is good any more. */
function garble(chunk: Buffer): void {
  const last = chunk.length - 1;
  chunk.writeUInt8(chunk.readUInt8(last) ^ 1, last);
}

export function openLink(client: Socket, state: ProxyState): void {
  const { target, counters } = state;
  const upstream = connect({ port: Number(target.port), host: target.hostname, allowHalfOpen: true });
  const both = [client, upstream];
  let damaged = false;
  const up = pass(client, upstream, state, (chunk) => {
    counters.bytesUp += chunk.length;
    return true;
  });
  const down = pass(upstream, client, state, (chunk) => {
    if (state.droppingReplies) damaged = true;
    if (state.garblingReplies) garble(chunk);
    counters[state.droppingReplies ? 'droppedBytes' : 'bytesDown'] += chunk.length;
    return !state.droppingReplies;
  });
  const link: Link = {
    damaged: () => damaged,
    setPaused: (paused) => {
      for (const socket of both) socket[paused ? 'pause' : 'resume']();
      for (const line of [up, down]) line.flow();
    },
    reset: () => both.forEach(resetSafely),
  };
  for (const socket of both) {
    socket.setNoDelay(true);
    if (state.paused) socket.pause();
    socket.on('error', () => link.reset());
    socket.on('close', () => {
      if (both.every(({ destroyed }) => destroyed)) state.links.delete(link);
    });
  }
  state.links.add(link);
  counters.accepted += 1;
}
