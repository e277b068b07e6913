import { hostname, networkInterfaces } from 'node:os';
import { inspect } from 'node:util';
import { consul, type ConsulOptions } from '@autocluster/consul';
import { describeTiming } from '@autocluster/core';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../src/address.js';
import { refusesEncodedPem } from '../../../test/backends/options.js';
import { parseOptions } from '../src/config.js';
import { shownHost } from '../src/hosts.js';

const parsed = (options: Partial<ConsulOptions>) => parseOptions({ cluster: 'c', ...options });
const hostsOf = (hosts: ConsulOptions['hosts'], more: Partial<ConsulOptions> = {}) =>
  parsed({ ...(hosts === undefined ? {} : { hosts }), ...more }).hosts.map(
    (host) => `${host.kind === 'unix' ? 'unix' : host.secure ? 'https' : 'http'} ${shownHost(host)}`,
  );

function refusal(options: unknown): Error & { option?: string; value?: unknown; allowed?: string; code?: string } {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JavaScript callers may pass
    consul(options as ConsulOptions);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('hosts', () => {
  test('one or several, with and without a scheme, port 8500 or 8501 by default, in their order', () => {
    expect(hostsOf(undefined)).toEqual(['http 127.0.0.1:8500']);
    expect(hostsOf('agent')).toEqual(['http agent:8500']);
    expect(hostsOf(['http://b:1', 'a:2', 'http://b:1/'])).toEqual(['http b:1', 'http a:2']);
    expect(hostsOf('https://a')).toEqual(['https a:8501']);
    expect(hostsOf('a:1', { tls: { ca: 'ca.pem' } })).toEqual(['https a:1']);
  });

  test('S55: IPv6 literals in brackets', () => {
    expect(hostsOf(['http://[::1]:8500', '[fe80::1]'])).toEqual(['http [::1]:8500', 'http [fe80::1]:8500']);
  });

  test("the agent's socket, alone and beside others", () => {
    expect(hostsOf(['unix:///run/consul.sock', 'unix:/run/consul.sock', 'https://a'])).toEqual([
      'unix /run/consul.sock',
      'https a:8501',
    ]);
  });
});

describe('what is refused', () => {
  const native = { layout: 'rabbitmq' };
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['no cluster', {}, 'cluster'],
    ['a cluster with a slash', { cluster: 'a/b' }, 'cluster'],
    ['an unknown option', { cluster: 'c', host: 'a' }, 'host'],
    ['an unknown option of tls', { cluster: 'c', tls: { caFile: 'a' } }, 'caFile'],
    ['a path', { cluster: 'c', hosts: 'http://a:1/path' }, 'hosts'],
    ['several hosts in one text', { cluster: 'c', hosts: 'a,b' }, 'hosts'],
    ['a port that is none', { cluster: 'c', hosts: 'a:70000' }, 'hosts'],
    ['no host', { cluster: 'c', hosts: [] }, 'hosts'],
    ['a host that is no text', { cluster: 'c', hosts: [1] }, 'hosts'],
    ['http and https', { cluster: 'c', hosts: ['http://a', 'https://b'] }, 'hosts'],
    ['tls without https', { cluster: 'c', hosts: 'http://a', tls: { ca: 'x' } }, 'hosts'],
    ['a certificate without a key', { cluster: 'c', hosts: 'a', tls: { cert: 'x' } }, 'tls.key'],
    ['a prefix that ends with a slash', { cluster: 'c', prefix: 'a/' }, 'prefix'],
    ['another layout', { cluster: 'c', layout: 'zookeeper' }, 'layout'],
    ['too short a time', { cluster: 'c', connectTimeoutMs: 5 }, 'connectTimeoutMs'],
    ['an empty token', { cluster: 'c', token: '' }, 'token'],
    ['a lock-delay that Consul does not take', { cluster: 'c', lockDelayMs: 60_001 }, 'lockDelayMs'],
    ['a removal sooner than Consul reaps', { cluster: 'c', deregisterAfterMs: 59_999 }, 'deregisterAfterMs'],
    ['a service that DNS cannot name', { cluster: 'c', service: 'a.b' }, 'service'],
    ['a service id with a quote', { cluster: 'c', serviceId: 'a"b' }, 'serviceId'],
    ['a port of nobody', { cluster: 'c', port: 0 }, 'port'],
    ['tags that are no list', { cluster: 'c', tags: 'a' }, 'tags'],
    ['a meta key that Consul does not take', { cluster: 'c', meta: { 'a b': 'x' } }, 'meta'],
    ['a meta key of ours', { cluster: 'c', meta: { 'autocluster-node': 'x' } }, 'meta'],
    ["a meta key of Consul's own", { cluster: 'c', meta: { 'consul-version': 'x' } }, 'meta'],
    ['a meta value of too many bytes', { cluster: 'c', meta: { a: 'é'.repeat(257) } }, 'meta.a'],
    ['a meta value that is too long', { cluster: 'c', meta: { a: 'x'.repeat(513) } }, 'meta.a'],
    ['an address that is everywhere', { cluster: 'c', address: '0.0.0.0' }, 'address'],
    ['an IPv6 address that is everywhere', { cluster: 'c', address: '::' }, 'address'],
    ['an address from nowhere', { cluster: 'c', address: { from: 'dns' } }, 'address.from'],
    [
      'S69: a network interface beside another source',
      { cluster: 'c', address: { from: 'hostname', name: 'eth0' } },
      'name',
    ],
    ['an address of no interface', { cluster: 'c', address: { from: 'interface' } }, 'address.name'],
    ['a datacenter with a slash', { cluster: 'c', datacenter: 'a/b' }, 'datacenter'],
    ['a domain without native members', { cluster: 'c', domain: 'consul' }, 'domain'],
    ['warnings without native members', { cluster: 'c', includeWarnings: true }, 'includeWarnings'],
    ['warnings that are no yes or no', { cluster: 'c', ...native, includeWarnings: 'yes' }, 'includeWarnings'],
    ['no options', undefined, 'options'],
  ];
  test.each(cases)('%s', (_, options, option) => {
    expect(refusal(options)).toMatchObject({ code: 'INVALID_OPTION', option, allowed: expect.any(String) });
  });
});

describe('S61, S69: the address', () => {
  test('is given, the name of this machine, or the host of the node', () => {
    expect(addressOf('10.1.2.3', 'n', false)).toBe('10.1.2.3');
    expect(addressOf(undefined, 'n', false)).toBeUndefined();
    expect(addressOf({ from: 'node' }, 'rabbit@host-1.example.org', false)).toBe('host-1.example.org');
    expect(addressOf({ from: 'node' }, 'host-2', false)).toBe('host-2');
    expect(addressOf({ from: 'hostname' }, 'n', true)).toBe(hostname());
    expect(addressOf({ from: 'hostname' }, 'n', false)).toBe(hostname().replace(/\..*/, ''));
  });

  test('is that of a network interface, of one family', () => {
    const [name] = Object.entries(networkInterfaces()).find(([, all]) =>
      all?.some(({ address }) => address === '127.0.0.1'),
    ) ?? [''];
    expect(addressOf({ from: 'interface', name }, 'n', false)).toBe('127.0.0.1');
    expect(() => addressOf({ from: 'interface', name: 'no-such-nic' }, 'n', false)).toThrow(
      /address\.name.*IPv4 address, of/,
    );
  });
});

test('S75: secrets are neither in errors nor in what inspect shows', () => {
  const secret = 'hunter2-secret';
  const key = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`;
  const shown = [
    refusal({ cluster: 'c', token: { secret } }),
    refusal({ cluster: 'c', hosts: `http://root:${secret}@a` }),
    refusal({ cluster: 'c', tls: { key } }),
    consul({ cluster: 'c', token: secret, hosts: 'https://a', tls: { ca: key, cert: key, key } }),
  ].map((each) => inspect(each, { depth: 10, showHidden: true }) + JSON.stringify(each));
  for (const text of shown) expect(text).not.toContain(secret);
});

test('the lock-delay, and a change of the leader, are part of the bounds that are promised', () => {
  const timing = (lockDelayMs: number) =>
    describeTiming({ backend: consul({ cluster: 'c', lockDelayMs }), ttlMs: 10_000 });
  expect(timing(0)).toMatchObject({ earliestTakeoverMs: 10_000, latestTakeoverMs: 43_000 });
  expect(timing(15_000)).toMatchObject({ earliestTakeoverMs: 10_000, latestTakeoverMs: 58_000 });
  expect(() => describeTiming({ backend: consul({ cluster: 'c' }), ttlMs: 9_000 })).toThrow(/ttlMs is 9000.*10000/);
});

test('S32: prefix, cluster and layout each change where things are; the defaults are those of the layout', () => {
  expect(parsed({})).toMatchObject({ prefix: 'autocluster', layout: 'autocluster', service: { name: 'autocluster' } });
  expect(parsed({ layout: 'rabbitmq' })).toMatchObject({ prefix: 'rabbitmq', service: { name: 'rabbitmq' } });
  expect(consul({ cluster: 'mine' }).cluster).toBe('mine');
});

test.each(['ca', 'cert', 'key'])(
  'S75: tls.%s that is given as base64, as a Secret of Kubernetes holds it, is refused and not shown as the name of a file',
  (name) => refusesEncodedPem(refusal, { hosts: 'https://a' }, name),
);
