import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type ConsulCluster,
  type ConsulServer,
  nothingLeftOf,
  startConsul,
  startConsulCluster,
} from './harness/index.ts';
import { serverSuite } from './harness/suite.ts';

async function put(consul: ConsulServer, path: string, body: string): Promise<unknown> {
  const headers = consul.token === undefined ? {} : { 'x-consul-token': consul.token };
  const response = await fetch(`${consul.plainAddress}/v1/${path}`, { method: 'PUT', body, headers });
  return response.json();
}

serverSuite(['consul'], 'a Consul agent in dev mode', () => {
  let consul: ConsulServer;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul.stop());

  it('makes a session that holds a key', async () => {
    const made = await put(consul, 'session/create', '{"TTL":"10s","LockDelay":"0s"}');
    expect(made).toEqual({ ID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    const { ID } = made as { ID: string };
    expect(await put(consul, `kv/door?acquire=${ID}`, 'me')).toBe(true);
    expect(await put(consul, 'kv/door?acquire=00000000-0000-4000-8000-000000000000', 'you').catch(() => false)).toBe(
      false,
    );
    expect(await consul.consul(['kv', 'get', 'door'])).toMatchObject({ stdout: 'me\n', exitCode: 0 });
  });

  it('runs a command under its own lock', async () => {
    expect(await consul.consul(['lock', 'room', 'echo', 'inside'])).toMatchObject({ stdout: 'inside\n', exitCode: 0 });
  });

  it('does not answer while it is paused', async () => {
    consul.pause();
    const ask = fetch(`${consul.httpAddress}/v1/status/leader`, { signal: AbortSignal.timeout(300) });
    await expect(ask).rejects.toThrow(/timeout/);
    consul.resume();
    expect((await fetch(`${consul.httpAddress}/v1/status/leader`)).ok).toBe(true);
  });

  it('leaves nothing', async () => {
    await consul.stop();
    await nothingLeftOf(consul);
  });
});

serverSuite(['consul'], 'a Consul server with access control and certificates', () => {
  let consul: ConsulServer;
  beforeAll(async () => {
    consul = await startConsul({ mode: 'server', acl: true, tls: true });
  });
  afterAll(() => consul.stop());

  it('keeps its data over a restart and a kill', async () => {
    expect(await put(consul, 'kv/kept', 'yes')).toBe(true);
    await consul.restart();
    await consul.kill();
    await consul.restart();
    expect(await consul.consul(['kv', 'get', 'kept'])).toMatchObject({ stdout: 'yes\n' });
  });

  it('refuses those without a token', async () => {
    const response = await fetch(`${consul.plainAddress}/v1/kv/kept`);
    expect(response.status).toBe(403);
  });

  it('refuses those without a certificate', async () => {
    expect(consul.httpAddress).toMatch(/^https:/);
    const anonymous = { CONSUL_CLIENT_CERT: undefined, CONSUL_CLIENT_KEY: undefined };
    const { stderr, exitCode } = await consul.consul(['kv', 'get', 'kept'], { env: anonymous });
    expect(exitCode).toBe(1);
    // Which of the ways a connection can break depends on who is first; an answer would have a response code.
    expect(stderr).toMatch(/^Error querying Consul agent: Get /);
    expect(stderr).not.toMatch(/response code/);
  });
});

serverSuite(['consul'], 'three Consul servers', () => {
  let cluster: ConsulCluster;
  beforeAll(async () => {
    cluster = await startConsulCluster(3);
  });
  afterAll(() => cluster.stop());

  it('have one leader, and another when it dies', async () => {
    const first = await cluster.leader();
    await first.consul(['kv', 'put', 'a', 'b']);
    await first.kill();
    const second = await cluster.leader();
    expect(second.name).not.toBe(first.name);
    await first.restart();
    expect(await first.consul(['kv', 'get', 'a'])).toMatchObject({ stdout: 'b\n' });
  });

  it('leave nothing', async () => {
    await cluster.stop();
    await Promise.all(cluster.members.map((member) => nothingLeftOf(member)));
  });
});
