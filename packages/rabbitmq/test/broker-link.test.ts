import { existsSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BrokerLink } from '../src/run/broker-link.js';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

interface Asked {
  readonly number: number;
  readonly text: string;
}

/** A broker's end of the link: it says what it was asked, and answers what it is told to. */
class Broker {
  readonly asked: Asked[] = [];
  readonly socket: Socket;
  path: string;
  #kept = Buffer.alloc(0);
  #onAsked: () => void = () => undefined;

  constructor(path: string) {
    this.path = path;
    this.socket = connect(path);
    sockets.push(this.socket);
    this.socket.on('data', (piece: Buffer) => {
      this.#kept = Buffer.concat([this.#kept, piece]);
      while (this.#kept.length >= 4 && this.#kept.length >= 4 + this.#kept.readUInt32BE(0)) {
        const end = 4 + this.#kept.readUInt32BE(0);
        this.asked.push({ number: this.#kept.readUInt32BE(4), text: this.#kept.toString('utf8', 8, end) });
        this.#kept = this.#kept.subarray(end);
      }
      this.#onAsked();
    });
  }

  hasAsked(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => void (this.asked.length >= count && resolve());
      this.#onAsked = look;
      look();
    });
  }

  frame({ number }: Asked, answer: string): Buffer {
    const body = Buffer.from(answer);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(4 + body.length, 0);
    head.writeUInt32BE(number, 4);
    return Buffer.concat([head, body]);
  }
}

async function linked(): Promise<{ link: BrokerLink; broker: Broker }> {
  const link = new BrokerLink();
  let broker: Broker | undefined;
  await link.open((path) => {
    broker = new Broker(path);
    return new Promise((resolve) => broker?.socket.once('connect', resolve));
  });
  if (!broker) throw new Error('nobody was invited');
  return { link, broker };
}

const never = new AbortController().signal;

describe('the link to the own broker', () => {
  it('gives each question its own answer, whatever the order and the pieces in which they come', async () => {
    const { link, broker } = await linked();
    const asked = ['first', 'sécond', 'third'].map((text) => link.ask(text, never));
    await broker.hasAsked(3);
    expect(broker.asked.map(({ text }) => text)).toEqual(['first', 'sécond', 'third']);
    const whole = Buffer.concat(broker.asked.toReversed().map((each) => broker.frame(each, `to ${each.text}`)));
    for (const byte of whole) broker.socket.write(Buffer.from([byte]));
    expect(await Promise.all(asked)).toEqual(['to first', 'to sécond', 'to third']);
  });

  it('lets nobody but this user in, and leaves nothing behind', async () => {
    const link = new BrokerLink();
    let mode: number | undefined;
    let where = '';
    await link.open((path) => {
      where = path;
      mode = statSync(dirname(path)).mode & 0o777;
      const socket = connect(path);
      sockets.push(socket);
      return new Promise((resolve) => socket.once('connect', resolve));
    });
    expect(mode).toBe(0o700);
    expect(existsSync(dirname(where))).toBe(false);
  });

  it('is not open when the broker cannot connect, and says why', async () => {
    const link = new BrokerLink();
    let where = '';
    const invited = link.open((path) => {
      where = path;
      return Promise.reject(new Error('no way to the socket'));
    });
    await expect(invited).rejects.toThrow('no way to the socket');
    expect(link.isOpen).toBe(false);
    expect(existsSync(dirname(where))).toBe(false);
    await expect(link.ask('anything', never)).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
  });

  it('lets go of a broker that connected and whose answer was lost', async () => {
    const link = new BrokerLink();
    let closed: Promise<unknown> = Promise.reject(new Error('nobody was invited'));
    closed.catch(() => undefined);
    const invited = link.open(async (path) => {
      const { socket } = new Broker(path);
      closed = new Promise((resolve) => socket.once('close', resolve));
      await new Promise((resolve) => socket.once('connect', resolve));
      throw new Error('no answer');
    });
    await expect(invited).rejects.toThrow('no answer');
    await closed;
    expect(link.isOpen).toBe(false);
  });

  it('fails whatever is open when the broker ends, and is closed from then on', async () => {
    const { link, broker } = await linked();
    const asked = [link.ask('a', never), link.ask('b', never)];
    await broker.hasAsked(2);
    broker.socket.destroy();
    for (const each of asked) await expect(each).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
    expect(link.isOpen).toBe(false);
  });

  it('ends a question with its signal; an answer that comes later is nobody’s', async () => {
    const { link, broker } = await linked();
    const given = new AbortController();
    const late = link.ask('late', given.signal);
    await broker.hasAsked(1);
    given.abort(new Error('no time'));
    await expect(late).rejects.toMatchObject({ code: 'ABORTED' });
    const next = link.ask('next', never);
    await broker.hasAsked(2);
    for (const each of broker.asked) broker.socket.write(broker.frame(each, `to ${each.text}`));
    expect(await next).toBe('to next');
    await expect(link.ask('after', given.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(broker.asked).toHaveLength(2);
  });

  it('waits for the answer to what goes on without it, though it was given up (F17)', async () => {
    const { link, broker } = await linked();
    const given = new AbortController();
    const lasting = link.ask('place', given.signal, true);
    await broker.hasAsked(1);
    given.abort(new Error('no time'));
    for (const each of broker.asked) broker.socket.write(broker.frame(each, 'opened'));
    expect(await lasting).toBe('opened');
    await expect(link.ask('after', given.signal, true)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(broker.asked).toHaveLength(1);
  });
});
