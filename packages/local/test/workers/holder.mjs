// Stands for a process that is stopped in the middle of a transaction: it writes half of something, and never ends it.
import { open } from 'lmdb';

const store = open({
  path: process.argv[2],
  noSubdir: false,
  encoding: 'binary',
  keyEncoding: 'binary',
  overlappingSync: false,
});
store.transactionSync(() => {
  void store.put(Buffer.from('clusters/orders/record'), Buffer.from('half'));
  process.stdout.write('holding');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
