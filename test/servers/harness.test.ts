import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type FaultProxy,
  faultProxy,
  freePorts,
  makeFolder,
  runCommand,
  spawnCommand,
  until,
} from './harness/index.ts';
import { parseMetrics, sumOf } from './harness/metrics.ts';
import { decideSuite } from './harness/suite.ts';

const node = process.execPath;
const workspace = fileURLToPath(new URL('../..', import.meta.url));

async function echoServer() {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.pipe(socket);
  });
  const [port = 0] = await freePorts(1);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { url: `http://127.0.0.1:${port}`, close, open };
}

class Client {
  text = '';
  ended: string | undefined;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.ended = error.code));
    this.socket.on('close', () => (this.ended ??= 'closed'));
  }

  say(text: string): void {
    this.socket.write(text);
  }

  hears(text: string): Promise<boolean> {
    return until(`"${text}" after "${this.text}"`, () => this.text === text, { withinMs: 3000 });
  }

  ends(how: string): Promise<boolean> {
    return until(`${how}, not ${this.ended}`, () => this.ended === how, { withinMs: 3000 });
  }
}

describe('a fault proxy', () => {
  let echo: Awaited<ReturnType<typeof echoServer>>;
  let proxy: FaultProxy;
  beforeEach(async () => {
    echo = await echoServer();
    proxy = await faultProxy(echo.url);
  });
  afterEach(async () => {
    await proxy.close();
    echo.close();
  });

  const client = async (says: string) => {
    const made = new Client(proxy.port);
    made.say(says);
    await made.hears(says);
    return made;
  };

  it('passes and counts', async () => {
    await client('hello');
    expect(proxy.counters).toEqual({ accepted: 1, cut: 0, bytesUp: 5, bytesDown: 5, droppedBytes: 0 });
    expect(proxy.open()).toBe(1);
  });

  it('passes the end of a connection', async () => {
    const first = await client('hello');
    first.socket.end();
    await first.ends('closed');
    await until('no link', () => proxy.open() === 0);
  });

  it('holds everything back while paused, also new connections', async () => {
    const first = await client('a');
    proxy.pause();
    first.say('b');
    const second = new Client(proxy.port);
    second.say('c');
    await until('both are connected', () => proxy.open() === 2 && !second.socket.connecting);
    expect(proxy.counters.bytesUp).toBe(1);
    proxy.resume();
    await first.hears('ab');
    await second.hears('c');
  });

  it('cuts', async () => {
    const first = await client('a');
    proxy.cut();
    await first.ends('ECONNRESET');
    await until('no link', () => proxy.open() === 0 && echo.open.size === 0);
    expect(proxy.counters.cut).toBe(1);
    await client('b');
  });

  it('refuses new connections, keeps the old, and accepts again on the same port', async () => {
    const first = await client('a');
    proxy.refuse();
    await new Client(proxy.port).ends('ECONNREFUSED');
    first.say('b');
    await first.hears('ab');
    await proxy.accept();
    await client('c');
  });

  it('drops replies, and resets the connection that has lost some', async () => {
    const [first, second] = [await client('a'), await client('b')];
    proxy.dropReplies();
    first.say('lost');
    await until('the reply is lost', () => proxy.counters.droppedBytes === 4);
    proxy.passReplies();
    await first.ends('ECONNRESET');
    second.say('c');
    await second.hears('bc');
    expect(first.text).toBe('a');
  });

  it('delays, in order, also when the delay becomes shorter', async () => {
    const first = await client('a');
    proxy.delayMs = 60;
    const started = performance.now();
    first.say('b');
    await until('b has passed', () => proxy.counters.bytesUp === 2);
    proxy.delayMs = 0;
    first.say('c');
    await first.hears('abc');
    expect(performance.now() - started).toBeGreaterThanOrEqual(60);
  });

  it('sends new connections elsewhere', async () => {
    const other = await echoServer();
    proxy.retarget(other.url);
    await client('a');
    expect([echo.open.size, other.open.size]).toEqual([0, 1]);
    other.close();
  });

  it('resets the client when nobody listens behind it', async () => {
    echo.close();
    await new Client(proxy.port).ends('ECONNRESET');
  });
});

describe('a socket that is reset while it shuts down', () => {
  it('does not keep its process', async () => {
    const script = `
      import { connect, createServer } from 'node:net';
      import { resetSafely } from ${JSON.stringify(new URL('harness/fault-link.ts', import.meta.url).href)};
      const server = createServer((socket) => socket.on('error', () => {}).resume());
      server.listen(0, '127.0.0.1', () => {
        const socket = connect(server.address().port, '127.0.0.1', () => {
          socket.end();
          resetSafely(socket);
          server.close();
        });
        socket.on('error', () => {});
      });`;
    const { exitCode, stderr } = await runCommand(
      node,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      // The fault is a process that spins forever at its end.
      { cwd: workspace, signal: AbortSignal.timeout(10_000), abortSignal: 'SIGKILL' },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});

describe('commands', () => {
  it('give their output and exit code', async () => {
    const script = 'console.log("out"); console.error("err"); process.exit(3)';
    expect(await runCommand(node, ['-e', script])).toEqual({ stdout: 'out\n', stderr: 'err\n', exitCode: 3 });
  });

  it('end when their signal is aborted', async () => {
    const over = new AbortController();
    const waiting = spawnCommand(node, ['-e', 'console.log("up"); setInterval(() => {}, 1000)'], {
      signal: over.signal,
    });
    await waiting.seen(/up/);
    over.abort();
    expect(await waiting.exited).toMatchObject({ exitCode: null });
  });

  it('that do not exist are an error', () => {
    expect(() => spawnCommand('no-such-command-here', [])).toThrow(/cannot be started/);
  });
});

describe('free ports', () => {
  it('differ, and lie below those of outgoing connections', async () => {
    const ports = await freePorts(20);
    expect(new Set(ports).size).toBe(20);
    expect(Math.max(...ports)).toBeLessThan(32_768);
  });

  it('are given once, also while nobody listens on them', async () => {
    const random = vi.spyOn(Math, 'random');
    const draw = (...values: readonly number[]) => values.forEach((value) => random.mockReturnValueOnce(value));
    const at = Math.random();
    draw(at);
    const [first] = await freePorts(1);
    draw(at, (at + 0.5) % 1);
    const [second] = await freePorts(1);
    random.mockRestore();
    expect(second).not.toBe(first);
  });
});

describe('metrics', () => {
  const metrics = parseMetrics('# HELP a\na{x="1 2"} 2\na{x="3"} 3\nab 7\nbig 1e+06\nend +Inf\n');

  it('are found by series, and summed by name', () => {
    expect(metrics.get('a{x="1 2"}')).toBe(2);
    expect([sumOf(metrics, 'a'), sumOf(metrics, 'a', /3/), sumOf(metrics, 'none')]).toEqual([5, 3, 0]);
    expect([metrics.get('big'), metrics.get('end')]).toEqual([1_000_000, Infinity]);
  });
});

describe('a suite that needs servers', () => {
  it('runs, fails in CI, or is skipped with the command that helps', async () => {
    const folder = makeFolder('nothing');
    const env = { PATH: folder, AUTOCLUSTER_CACHE: folder };
    const title = /^not run: consul missing: .*node test\/servers\/provide\.mjs --only consul$/;
    expect(decideSuite([], env)).toEqual({ kind: 'run' });
    expect(decideSuite(['consul'], env)).toEqual({ kind: 'skip', title: expect.stringMatching(title) });
    expect(decideSuite(['consul'], { ...env, CI: 'true' })).toMatchObject({
      kind: 'fail',
      title: 'needs consul',
      message: expect.stringMatching(/provide\.mjs/),
    });
    await rm(folder, { recursive: true });
  });
});
