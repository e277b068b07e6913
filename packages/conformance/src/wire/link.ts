import { connect, type Socket } from 'node:net';
import { systemRuntime } from '@autocluster/core/runtime';

/** What a proxy does to all of its connections at the moment. */
export interface LinkState {
  readonly links: Set<Link>;
  readonly port: number;
  readonly host: string;
  delayMs: number;
  stalled: boolean;
  /** What happens to what the store sends. */
  replies: 'pass' | 'drop' | 'cut' | 'garble';
  /** So many pieces of answers pass before that happens. */
  repliesLeft: number;
}

/** One client, and the connection to the store that was opened for it. */
export interface Link {
  /** Answers are missing or spoiled, so that the client must not read on. */
  damaged(): boolean;
  setStalled(stalled: boolean): void;
  reset(): void;
}

interface DelayLine {
  add(work: () => void): void;
  flow(): void;
}

/** First in, first out, although the delay may change and timers of different lengths overtake each other. */
function delayLine(state: LinkState): DelayLine {
  const { clock } = systemRuntime;
  const waiting: { readonly atMs: number; readonly work: () => void }[] = [];
  const flow = () => {
    for (let head = waiting[0]; head !== undefined && !state.stalled; head = waiting[0]) {
      const waitMs = head.atMs - clock.monotonicMs();
      if (waitMs > 0) {
        systemRuntime.after(waitMs, flow);
        return;
      }
      waiting.shift();
      head.work();
    }
  };
  const add = (work: () => void) => {
    waiting.push({ atMs: clock.monotonicMs() + state.delayMs, work });
    if (waiting.length === 1) flow();
  };
  return { add, flow };
}

/** One direction; slows the sender down to the receiver. `take` answers what passes on, or nothing. */
function pass(from: Socket, to: Socket, state: LinkState, take: (chunk: Buffer) => Buffer | undefined): DelayLine {
  const line = delayLine(state);
  from.on('data', (chunk: Buffer) => {
    line.add(() => {
      const taken = take(chunk);
      if (taken === undefined || !to.writable || to.write(taken)) return;
      from.pause();
      to.once('drain', () => state.stalled || from.resume());
    });
  });
  from.on('end', () => line.add(() => to.end()));
  return line;
}

/** Node 20 leaks a socket that is reset while it shuts down or connects; such a one is closed without a reset. */
function resetSafely(socket: Socket): void {
  const shuttingDown = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || shuttingDown) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}

/** Bytes that no protocol takes for an answer. */
const noise = (chunk: Buffer): Buffer => Buffer.from(chunk.map((byte) => byte ^ 0xa5));

export function openLink(client: Socket, state: LinkState): void {
  const upstream = connect({ port: state.port, host: state.host, allowHalfOpen: true });
  const both = [client, upstream];
  let damaged = false;
  const up = pass(client, upstream, state, (chunk) => chunk);
  const down = pass(upstream, client, state, (chunk) => {
    if (state.replies === 'pass') return chunk;
    state.repliesLeft -= 1;
    if (state.repliesLeft >= 0) return chunk;
    damaged = true;
    if (state.replies === 'cut') link.reset();
    return state.replies === 'garble' ? noise(chunk) : undefined;
  });
  const link: Link = {
    damaged: () => damaged,
    setStalled: (stalled) => {
      for (const socket of both) socket[stalled ? 'pause' : 'resume']();
      for (const line of [up, down]) line.flow();
    },
    reset: () => both.forEach(resetSafely),
  };
  for (const socket of both) {
    socket.setNoDelay(true);
    if (state.stalled) socket.pause();
    socket.on('error', () => link.reset());
    socket.on('close', () => {
      if (both.every(({ destroyed }) => destroyed)) state.links.delete(link);
    });
  }
  state.links.add(link);
}
