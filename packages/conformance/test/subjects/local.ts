import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { local } from '@autocluster/local';
import { open } from 'lmdb';
import { type BackendSubject, backendSubject } from '../../src/index.js';

/** The embedded store, in a folder of its own. */
export function localSubject(): BackendSubject {
  const folder = mkdtempSync(join(tmpdir(), 'autocluster-kit-'));
  const byHand = open<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxReaders: 1024,
    overlappingSync: false,
  });
  const put = async (key: string, text: string) => void (await byHand.put(Buffer.from(key), Buffer.from(text)));
  const remove = async (key: string) => void (await byHand.remove(Buffer.from(key)));
  return backendSubject({
    name: 'local',
    wire: { kind: 'none', because: 'the store is a file on this machine' },
    client: ({ cluster }) => local({ cluster, folder }),
    operator(cluster) {
      const root = `clusters/${cluster}/`;
      return {
        deleteLock: (name) => remove(`${root}locks/${name}`),
        deleteMember: (node) => remove(`${root}members/${node}`),
        deleteRecord: () => remove(`${root}record`),
        writeRecord: (text) => put(`${root}record`, text),
        writeMember: (node, text) => put(`${root}members/${node}`, text),
        async inventory() {
          byHand.resetReadTxn();
          const range = { start: Buffer.from(root), end: Buffer.from(`${root.slice(0, -1)}0`) };
          return [...byHand.getKeys(range)].map((key) => key.toString('utf8'));
        },
      };
    },
    async close() {
      await byHand.close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}
