import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { controlsOf, Daemon, orKeepLogs, type ServerControls } from './daemon.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { requireCommand, requireServer } from './lookup.ts';
import { LOOPBACK, onFreePorts, portAt } from './ports.ts';

export interface PostgresServer extends ServerControls {
  /** `postgres://postgres@host:port/postgres`; no password is asked for. */
  readonly url: string;
}

const run = promisify(execFile);

interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Puts a command under that account. */
  readonly as: (command: string, args: readonly string[]) => readonly [string, readonly string[]];
}

/** PostgreSQL refuses to run as root; Debian's package has made a user for it. */
async function account(): Promise<Account> {
  const { uid, gid } = userInfo();
  if (uid !== 0) return { uid, gid, as: (command, args) => [command, args] };
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout.trim());
  const [serverUid, serverGid] = [await id('-u'), await id('-g')];
  const setpriv = requireCommand('setpriv');
  const change = [`--reuid=${serverUid}`, `--regid=${serverGid}`, '--clear-groups', '--pdeathsig', 'KILL'];
  return { uid: serverUid, gid: serverGid, as: (command, args) => [setpriv, [...change, command, ...args]] };
}

const PROTOCOL_3 = 196_608;
const [AUTHENTICATION] = Buffer.from('R');

/** The first message of a connection: how long it is, its protocol, and who asks. */
function greeting(): Buffer {
  const who = Buffer.from('user\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + who.length, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, who]);
}

/** Whether the server lets somebody in: while it starts up it answers too, and refuses. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK });
    const end = (seen: boolean) => {
      socket.destroy();
      resolve(seen);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('connect', () => socket.write(greeting()));
    socket.once('data', ([kind]: Buffer) => end(kind === AUTHENTICATION));
  });
}

async function startOn(port: number): Promise<PostgresServer> {
  const postgres = requireServer('postgres');
  const { uid, gid, as } = await account();
  const folder = makeFolder('postgres');
  const data = join(folder, 'data');
  await chown(folder, uid, gid);
  const setUp = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync'];
  const [initdb, initdbArgs] = as(join(dirname(postgres), 'initdb'), setUp);
  await run(initdb, [...initdbArgs], { cwd: folder });
  const settings = ['-p', `${port}`, '-k', '', '-h', LOOPBACK, '-c', 'max_connections=300'];
  const [command, args] = as(postgres, ['-D', data, ...settings]);
  const logFile = join(folder, 'log');
  const daemon = new Daemon({
    name: 'postgres',
    command,
    args,
    logFile,
    ready: () => answers(port),
    // Ends connections at once, and the data in order.
    stopSignal: 'SIGINT',
  });
  await orKeepLogs(folder, [daemon], () => daemon.start());
  const url = `postgres://postgres@${LOOPBACK}:${port}/postgres`;
  return Object.assign(
    controlsOf(daemon, () => removeFolder(folder)),
    { url },
  );
}

/** A PostgreSQL of its own, with its data in a temporary folder. */
export const startPostgres = (): Promise<PostgresServer> => onFreePorts(1, (ports) => startOn(portAt(ports, 0)));
