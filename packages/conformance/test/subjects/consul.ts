import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { consul, type ConsulOptions } from '@autocluster/consul';
import {
  type ConsulOptions as ServerOptions,
  type ConsulServer,
  startConsul,
} from '../../../../test/servers/harness/index.js';
import { type BackendSubject, backendSubject, type Operator } from '../../src/index.js';

const POLICY = fileURLToPath(new URL('../../../consul/policy.hcl', import.meta.url));

type Ask = <T>(method: string, path: string, body?: string) => Promise<T | undefined>;

/** What the management token may ask, past the backend. */
const askOf =
  ({ plainAddress, token }: ConsulServer): Ask =>
  async <T>(method: string, path: string, body?: string) => {
    const headers = token === undefined ? {} : { 'x-consul-token': token };
    const response = await fetch(`${plainAddress}/v1/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`Consul answered ${response.status} to ${path}: ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as T);
  };

/** A key as the path of a request; the kit's names are such as Consul keeps unchanged. */
const at = (key: string): string => `kv/${key.split('/').map(encodeURIComponent).join('/')}`;

function operatorOf(ask: Ask, cluster: string): Operator {
  const root = `autocluster/${cluster}/`;
  const members = `${root}state/members/`;
  const record = `${root}state/record`;
  const remove = async (key: string) => void (await ask('DELETE', at(key)));
  const put = async (key: string, text: string) => void (await ask('PUT', at(key), text));
  return {
    deleteLock: (name) => remove(`${root}locks/${name}/.lock`),
    deleteMember: (node) => remove(members + node),
    deleteRecord: () => remove(record),
    writeRecord: (text) => put(record, text),
    writeMember: (node, text) => put(members + node, text),
    async inventory() {
      const [keys, sessions, services] = await Promise.all([
        ask<string[]>('GET', `${at(root)}?keys`),
        ask<{ ID: string; Name: string }[]>('GET', 'session/list'),
        ask<Record<string, { Tags: string[] }>>('GET', 'agent/services'),
      ]);
      return [
        // What the store is known by stays for good.
        ...(keys ?? []).filter((key) => key !== `${root}state/store`),
        ...(sessions ?? []).filter(({ Name }) => Name.startsWith(root)).map(({ ID }) => `session ${ID}`),
        ...Object.entries(services ?? {}).flatMap(([id, { Tags }]) =>
          Tags.includes(cluster) ? [`service ${id}`] : [],
        ),
      ];
    },
  };
}

async function tokenWith(ask: Ask, name: string, rules: string): Promise<string> {
  await ask('PUT', 'acl/policy', JSON.stringify({ Name: name, Rules: rules }));
  const made = await ask<{ SecretID: string }>('PUT', 'acl/token', JSON.stringify({ Policies: [{ Name: name }] }));
  if (made === undefined) throw new Error('Consul made no token');
  return made.SecretID;
}

/** Nodes get a token with the policy that the package ships, and nothing more. */
async function withPolicy(
  server: ConsulServer,
): Promise<{ own: Partial<ConsulOptions>; forbidden: Partial<ConsulOptions> }> {
  if (server.token === undefined) return { own: {}, forbidden: {} };
  const ask = askOf(server);
  const token = await tokenWith(ask, 'node', await readFile(POLICY, 'utf8'));
  const poor = await tokenWith(ask, 'poor', 'session_prefix "" { policy = "write" }');
  return { own: { token }, forbidden: { token: poor } };
}

/** A server of its own. */
export async function consulSubject(options: ServerOptions): Promise<BackendSubject> {
  const server = await startConsul(options);
  const { certificates } = server;
  const { own, forbidden } = await withPolicy(server);
  const tls = certificates && {
    tls: { ca: certificates.caFile, cert: certificates.client.certFile, key: certificates.client.keyFile },
  };
  const client = (more: Partial<ConsulOptions>): BackendSubject['client'] => {
    return ({ cluster, url }) => consul({ cluster, hosts: url, ...tls, ...more });
  };
  return backendSubject({
    name: 'consul',
    wire: { kind: 'tcp', url: server.httpAddress },
    client: client(own),
    // A registration is four or five requests, and an agent with data writes each service to its disk.
    callTimeoutMs: 10_000,
    operator: (cluster) => operatorOf(askOf(server), cluster),
    ...(server.token === undefined ? {} : { forbidden: client(forbidden) }),
    // In dev mode nothing survives a restart.
    ...(options.mode === 'server' ? { restart: () => server.restart() } : {}),
    close: () => server.stop(),
  });
}
