// Starts etcd, says where it is, and then ends as it is told to: without ever stopping the server.
import { dirname } from 'node:path';
import { startEtcd } from '../harness/index.ts';

const { pid, logFile } = await startEtcd();
console.log(JSON.stringify({ pid, folder: dirname(logFile) }));
if (process.argv[2] === 'exit') process.exit(0);
setInterval(() => {}, 60_000);
