import { acquireLock, createClusterNode, processDriver } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { pretend } from '../guard/kit.js';
import type { Backend } from '../../src/backend/index.js';
import { World } from './kit.js';

describe('the backend of a node', () => {
  const create = (backend: unknown) => () =>
    createClusterNode({ backend: pretend<Backend>(backend), driver: processDriver({ node: 'n1' }) });

  it.each([undefined, null, 'etcd'])('is refused by name when it is %s', (backend) => {
    expect(create(backend)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: 'backend' }));
  });

  it.each([undefined, null, 'etcd'])('is refused by name by a lock as well when it is %s', async (backend) => {
    const acquiring = acquireLock(pretend<Backend>(backend), 'job');
    await expect(acquiring).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'backend' });
  });

  it('is refused by its version before anything else of it is understood', () => {
    const client = new World().store.client({ cluster: 'demo', id: 'n1' });
    const later = { ...client, name: 'later', spi: 2, capabilities: { abilities: ['lock'] } };
    expect(create(later)).toThrow(expect.objectContaining({ code: 'SPI_MISMATCH' }));
  });
});
