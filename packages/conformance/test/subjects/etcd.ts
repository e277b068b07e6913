import { etcd, type EtcdOptions } from '@autocluster/etcd';
import { startEtcd } from '../../../../test/servers/harness/index.js';
import { type BackendSubject, backendSubject, type Operator } from '../../src/index.js';

type Layout = NonNullable<EtcdOptions['layout']>;

interface Places {
  readonly members: string;
  readonly record: string;
  readonly locks: (name: string) => string;
}

const PLACES: Readonly<Record<Layout, (cluster: string) => Places>> = {
  autocluster: (cluster) => ({
    members: `/autocluster/${cluster}/members/`,
    record: `/autocluster/${cluster}/record`,
    locks: (name) => `/autocluster/${cluster}/locks/${name}/`,
  }),
  rabbitmq(cluster) {
    const discovery = `/rabbitmq/discovery/rabbitmq/clusters/${cluster}/`;
    const locks = `/rabbitmq/locks/rabbitmq/clusters/${cluster}/`;
    return {
      members: `${discovery}nodes/`,
      record: `${discovery}autocluster/record`,
      locks: (name) => (name === 'formation' ? `${locks}registration/` : `${locks}autocluster/${name}/`),
    };
  },
};

const base64 = (text: string) => Buffer.from(text).toString('base64');
const prefix = (text: string) => ({ key: base64(text), range_end: base64(`${text.slice(0, -1)}0`) });

interface Found {
  readonly kvs?: readonly { readonly key: string }[];
  readonly leases?: readonly { readonly ID: string }[];
}

async function ask(endpoint: string, path: string, body: object): Promise<Found> {
  const response = await fetch(`${endpoint}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd answered ${response.status} to ${path}: ${await response.text()}`);
  return (await response.json()) as Found;
}

function operatorAt(endpoint: string, { members, record, locks }: Places): Operator {
  const remove = async (range: object) => void (await ask(endpoint, 'kv/deleterange', range));
  const put = async (key: string, text: string) =>
    void (await ask(endpoint, 'kv/put', { key: base64(key), value: base64(text) }));
  const keysIn = async (text: string) => {
    const { kvs = [] } = await ask(endpoint, 'kv/range', { ...prefix(text), keys_only: true });
    return kvs.map(({ key }) => Buffer.from(key, 'base64').toString());
  };
  return {
    deleteLock: (name) => remove(prefix(locks(name))),
    deleteMember: (node) => remove({ key: base64(members + node) }),
    deleteRecord: () => remove({ key: base64(record) }),
    writeRecord: (text) => put(record, text),
    writeMember: (node, text) => put(members + node, text),
    async inventory() {
      const { leases = [] } = await ask(endpoint, 'lease/leases', {});
      const keys = await Promise.all([keysIn(members), keysIn(locks('formation')), keysIn(record)]);
      return [...keys.flat(), ...leases.map(({ ID }) => `lease ${ID}`)];
    },
  };
}

/** A server of its own, in either layout. */
export async function etcdSubject(layout: Layout): Promise<BackendSubject> {
  const server = await startEtcd({});
  const { endpoint } = server;
  return backendSubject({
    name: `etcd (${layout})`,
    wire: { kind: 'tcp', url: endpoint },
    client: ({ cluster, url }) => etcd({ cluster, hosts: url, layout }),
    operator: (cluster) => operatorAt(endpoint, PLACES[layout](cluster)),
    restart: () => server.restart(),
    close: () => server.stop(),
  });
}
