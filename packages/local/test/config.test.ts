import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootId } from '../src/boot.js';
import { defaultFolder } from '../src/config.js';
import { local } from '../src/index.js';
import { call, newFolder } from './support.js';

const refused: readonly [options: unknown, option: string, error: typeof TypeError | typeof RangeError][] = [
  [undefined, 'options', TypeError],
  [{}, 'cluster', TypeError],
  [{ cluster: '' }, 'cluster', RangeError],
  [{ cluster: 'a/b' }, 'cluster', RangeError],
  [{ cluster: 'x'.repeat(254) }, 'cluster', RangeError],
  [{ cluster: 'a\nb' }, 'cluster', RangeError],
  [{ cluster: 'a', folder: '' }, 'folder', RangeError],
  [{ cluster: 'a', folder: 7 }, 'folder', TypeError],
  [{ cluster: 'a', maxBytes: '64' }, 'maxBytes', TypeError],
  [{ cluster: 'a', maxBytes: 65_535 }, 'maxBytes', RangeError],
  [{ cluster: 'a', maxBytes: 1e6 + 0.5 }, 'maxBytes', RangeError],
  [{ cluster: 'a', ttlMs: 5 }, 'ttlMs', TypeError],
];

test.each(refused)('%j is refused, naming %s', (options, option, error) => {
  const construct = () => Reflect.apply(local, undefined, [options]);
  expect(construct).toThrow(error);
  expect(construct).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option }));
});

test('construction touches nothing, and tells what the store can do', async () => {
  const folder = newFolder();
  const backend = local({ cluster: 'orders', folder: join(folder, 'inner') });
  expect(backend).toMatchObject({ name: 'local', spi: 1, cluster: 'orders' });
  expect(backend.capabilities).toMatchObject({ lock: 'fenced', record: 'atomic', watch: true, ordered: true });
  expect(readdirSync(folder)).toEqual([]);
  await backend.close();
  expect(readdirSync(folder)).toEqual([]);
});

test('the folder is made with all its parents, for its owner only', async () => {
  const folder = newFolder();
  const backend = local({ cluster: 'orders', folder: join(folder, 'a', 'b') });
  await backend.list(call());
  await backend.close();
  expect(readdirSync(join(folder, 'a', 'b')).sort()).toEqual(['changes', 'data.mdb', 'lock.mdb', 'queue', 'turn']);
});

test('the default folder follows the conventions of the platform', () => {
  expect(defaultFolder('linux', { XDG_STATE_HOME: '/state' })).toBe('/state/autocluster');
  expect(defaultFolder('linux', {})).toBe(join(homedir(), '.local/state/autocluster'));
  expect(defaultFolder('darwin', {})).toBe(join(homedir(), 'Library/Application Support/autocluster'));
  expect(defaultFolder('win32', { LOCALAPPDATA: 'D:\\data' })).toContain('autocluster');
});

test('a boot that cannot be named is an error, not another boot', () => {
  expect(bootId('linux')).toMatch(/^[\w-]{36}$/);
  expect(bootId('darwin')).toBe(bootId('win32'));
  expect(() => bootId('linux', '/nowhere')).toThrow(
    expect.objectContaining({ code: 'STORE_FAILED', retryable: false }),
  );
});
