import { join } from 'node:path';

const CLIENT = 'http://127.0.0.1:12379';
const PEER = 'http://127.0.0.1:12380';

/** An etcd of this example's own, unless ETCD names one that runs. Answers what node.mjs has to know. */
export function startStore({ folder, start }) {
  const { ETCD } = process.env;
  if (ETCD) return { ETCD };
  const flags = {
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': CLIENT,
    'advertise-client-urls': CLIENT,
    'listen-peer-urls': PEER,
    'initial-advertise-peer-urls': PEER,
    'initial-cluster': `default=${PEER}`,
    'log-level': 'error',
  };
  start(
    'etcd',
    Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
  );
  return { ETCD: CLIENT };
}
