import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';

const STORES = ['etcd', 'consul', 'kubernetes'] as const;
const fileOf = (store: string, name: string): string =>
  readFileSync(new URL(`../../../examples/rabbitmq-${store}/${name}`, import.meta.url), 'utf8');

interface Compose {
  readonly services: Readonly<Record<string, { readonly secrets?: readonly { readonly mode: number }[] }>>;
  readonly secrets: unknown;
}

describe('the examples', () => {
  test.each(STORES)('%s: starts its nodes as the others do, though each folder works alone', (store) => {
    expect(fileOf(store, 'cluster.mjs')).toBe(fileOf('etcd', 'cluster.mjs'));
    const without = (text: string) => text.replace(/^HEALTHCHECK.*\n/m, '');
    expect(without(fileOf(store, 'Dockerfile'))).toBe(without(fileOf('etcd', 'Dockerfile')));
  });

  test.each(['etcd', 'consul'])('S90: %s: each node gets the cookie as a file of its own user only', (store) => {
    const text = fileOf(store, 'compose.yaml');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the file is ours
    const { services, secrets } = load(text) as Compose;
    const nodes = Object.entries(services).filter(([name]) => name.startsWith('rabbit'));
    expect(nodes).toHaveLength(3);
    for (const [, { secrets: given }] of nodes) expect(given).toMatchObject([{ source: 'erlang-cookie', uid: '999' }]);
    expect(text).toContain('mode: 0400');
    expect(secrets).toEqual({ 'erlang-cookie': { environment: 'ERLANG_COOKIE' } });
  });
});
