import { addAbortListener } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Link } from '../commands.js';
import { abortError, brokerError } from '../errors.js';

interface Question {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

const NUMBER_BYTES = 4;
const lost = () => brokerError('the broker has closed its connection', { operation: 'evaluate' });

/** Takes frames, each after its length, out of a stream of pieces. */
function framesOf(onFrame: (frame: Buffer) => void): (piece: Buffer) => void {
  let kept = Buffer.alloc(0);
  return (piece) => {
    kept = Buffer.concat([kept, piece]);
    while (kept.length >= NUMBER_BYTES) {
      const end = NUMBER_BYTES + kept.readUInt32BE(0);
      if (kept.length < end) return;
      onFrame(kept.subarray(NUMBER_BYTES, end));
      kept = kept.subarray(end);
    }
  };
}

function frameOf(number: number, text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(2 * NUMBER_BYTES);
  head.writeUInt32BE(NUMBER_BYTES + body.length, 0);
  head.writeUInt32BE(number, NUMBER_BYTES);
  return Buffer.concat([head, body]);
}

function listening(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

/**
 * A connection from the own broker to this process, over which it is asked without a command for each question. The broker
 * opens it, through a socket in a folder that only this user can enter. It closes with the broker's VM.
 */
export class BrokerLink implements Link {
  readonly #questions = new Map<number, Question>();
  #socket: Socket | undefined;
  #asked = 0;

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** `invite` tells the broker where to connect to, and resolves when it has. Rejects where it cannot. */
  async open(invite: (path: string) => Promise<unknown>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'autocluster-'));
    try {
      const path = join(folder, 'broker');
      const server = await listening(path);
      const refuse = (socket: Socket) => void socket.on('error', () => undefined).destroy();
      const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
      try {
        await invite(path);
        this.#use(await connected);
      } catch (error) {
        // It may have connected, or do so yet, and its answer was lost.
        void connected.then(refuse);
        throw error;
      } finally {
        server.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async ask(expression: string, signal: AbortSignal, lasting = false): Promise<string> {
    if (signal.aborted) throw abortError(signal, 'evaluate');
    if (!this.#socket) throw lost();
    this.#asked = (this.#asked + 1) % 2 ** 32;
    const number = this.#asked;
    const answered = new Promise<string>((resolve, reject) => this.#questions.set(number, { resolve, reject }));
    const ending = addAbortListener(signal, () => {
      if (!lasting) this.#take(number)?.reject(abortError(signal, 'evaluate'));
    });
    this.#socket.write(frameOf(number, expression));
    try {
      return await answered;
    } finally {
      ending[Symbol.dispose]();
    }
  }

  #use(socket: Socket): void {
    this.#socket = socket;
    socket.on(
      'data',
      framesOf((frame) => this.#answered(frame)),
    );
    // What it was is told by the close that follows.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#socket = undefined;
      for (const number of this.#questions.keys()) this.#take(number)?.reject(lost());
    });
  }

  #answered(frame: Buffer): void {
    // An answer for which nobody waits any more is nobody's.
    this.#take(frame.readUInt32BE(0))?.resolve(frame.toString('utf8', NUMBER_BYTES));
  }

  #take(number: number): Question | undefined {
    const question = this.#questions.get(number);
    this.#questions.delete(number);
    return question;
  }
}
