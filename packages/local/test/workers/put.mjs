// Writes into the store in a folder what it reads: JSON of pairs, key and value as base64.
import { readFileSync } from 'node:fs';
import { open } from 'lmdb';

const [, , folder] = process.argv;
const store = open({
  path: folder,
  noSubdir: false,
  encoding: 'binary',
  keyEncoding: 'binary',
  overlappingSync: false,
});
for (const pair of JSON.parse(readFileSync(0, 'utf8'))) {
  const [key, value] = pair.map((text) => Buffer.from(text, 'base64'));
  store.putSync(key, value);
}
await store.close();
