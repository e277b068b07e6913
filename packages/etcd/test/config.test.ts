import { inspect } from 'node:util';
import { etcd, type EtcdOptions } from '@autocluster/etcd';
import { describe, expect, test } from 'vitest';
import { refusesEncodedPem } from '../../../test/backends/options.js';
import { parseOptions } from '../src/config.js';

const parsed = (options: Partial<EtcdOptions>) => parseOptions({ cluster: 'c', ...options });
const hostsOf = (hosts: EtcdOptions['hosts'], more: Partial<EtcdOptions> = {}) =>
  parsed({ ...(hosts === undefined ? {} : { hosts }), ...more }).hosts.map(
    ({ secure, address }) => `${secure ? 'https' : 'http'} ${address}`,
  );

function refusal(options: unknown): Error & { option?: string; value?: unknown; allowed?: string; code?: string } {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JavaScript callers may pass
    etcd(options as EtcdOptions);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('hosts', () => {
  test('one or several, with and without a scheme, port 2379 by default', () => {
    expect(hostsOf(undefined)).toEqual(['http 127.0.0.1:2379']);
    expect(hostsOf('store')).toEqual(['http store:2379']);
    expect(hostsOf(['http://a:1', 'b:2', 'http://a:1/'])).toEqual(['http a:1', 'http b:2']);
    expect(hostsOf('https://a')).toEqual(['https a:2379']);
    expect(hostsOf('a:1', { tls: { ca: 'ca.pem' } })).toEqual(['https a:1']);
  });

  test('S55: IPv6 literals in brackets', () => {
    expect(hostsOf('http://[::1]:2379')).toEqual(['http [::1]:2379']);
    expect(hostsOf('[fe80::1]')).toEqual(['http [fe80::1]:2379']);
  });

  test('loopback and link-local hosts are near, others are not', () => {
    const near = (host: string) => parsed({ hosts: host }).hosts[0]?.near;
    expect(['localhost', '127.0.0.1', '169.254.1.1', '[::1]', '[fe80::1]'].map(near)).toEqual(Array(5).fill(true));
    expect(['10.0.0.1', 'example.org', '[2001:db8::1]'].map(near)).toEqual(Array(3).fill(false));
  });
});

describe('what is refused', () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['no cluster', {}, 'cluster'],
    ['a cluster with a slash', { cluster: 'a/b' }, 'cluster'],
    ['an unknown option', { cluster: 'c', host: 'a' }, 'host'],
    ['an unknown option of tls', { cluster: 'c', tls: { caFile: 'a' } }, 'caFile'],
    ['a path', { cluster: 'c', hosts: 'http://a:1/path' }, 'hosts'],
    ['a port that is none', { cluster: 'c', hosts: 'a:70000' }, 'hosts'],
    ['several hosts in one text', { cluster: 'c', hosts: 'a,b' }, 'hosts'],
    ['no host', { cluster: 'c', hosts: [] }, 'hosts'],
    ['a host that is no text', { cluster: 'c', hosts: [1] }, 'hosts'],
    ['http and https', { cluster: 'c', hosts: ['http://a', 'https://b'] }, 'hosts'],
    ['tls without https', { cluster: 'c', hosts: 'http://a', tls: { ca: 'x' } }, 'hosts'],
    ['a certificate without a key', { cluster: 'c', hosts: 'a', tls: { cert: 'x' } }, 'tls.key'],
    ['a user without a password', { cluster: 'c', user: 'a' }, 'password'],
    ['a password without a user', { cluster: 'c', password: 'a' }, 'user'],
    ['a prefix that ends with a slash', { cluster: 'c', prefix: 'a/' }, 'prefix'],
    ['another layout', { cluster: 'c', layout: 'zookeeper' }, 'layout'],
    ['too short a time', { cluster: 'c', connectTimeoutMs: 5 }, 'connectTimeoutMs'],
    ['no options', undefined, 'options'],
  ];
  test.each(cases)('%s', (_, options, option) => {
    expect(refusal(options)).toMatchObject({ code: 'INVALID_OPTION', option, allowed: expect.any(String) });
  });
});

test('S75: secrets are neither in errors nor in what inspect shows', () => {
  const secret = 'hunter2-secret';
  const key = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`;
  const shown = [
    refusal({ cluster: 'c', password: secret }),
    refusal({ cluster: 'c', hosts: `http://root:${secret}@a` }),
    refusal({ cluster: 'c', tls: { key } }),
    refusal({ cluster: 'c', user: 'u', password: { secret } }),
    etcd({ cluster: 'c', user: 'u', password: secret, hosts: 'https://a', tls: { ca: key, cert: key, key } }),
  ].map((each) => inspect(each, { depth: 10, showHidden: true }) + JSON.stringify(each));
  for (const text of shown) expect(text).not.toContain(secret);
});

test('S32: prefix, cluster and layout each change the keys; S86: the default prefix is that of the layout', () => {
  expect(parsed({})).toMatchObject({ prefix: 'autocluster', layout: 'autocluster', connectTimeoutMs: 2000 });
  expect(parsed({ layout: 'rabbitmq' }).prefix).toBe('rabbitmq');
  expect(etcd({ cluster: 'mine' }).cluster).toBe('mine');
});

test.each(['ca', 'cert', 'key'])(
  'S75: tls.%s that is given as base64, as a Secret of Kubernetes holds it, is refused and not shown as the name of a file',
  (name) => refusesEncodedPem(refusal, { hosts: 'https://a' }, name),
);
