import { connect } from 'node:net';
import { join } from 'node:path';
import { controlsOf, Daemon, orKeepLogs, type ServerControls } from './daemon.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { requireCommand } from './lookup.ts';
import { LOOPBACK, onFreePorts, portAt } from './ports.ts';

/** Erlang's port mapper: nodes find each other only when they use the same one. */
export interface Epmd extends ServerControls {
  readonly port: number;
}

export function accepts(port: number, host = LOOPBACK): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** One of our own, so that no Erlang program has to start one that outlives the tests. */
export function startEpmd(): Promise<Epmd> {
  return onFreePorts(1, async (ports) => {
    const port = portAt(ports, 0);
    const folder = makeFolder('epmd');
    const daemon = new Daemon({
      name: 'epmd',
      command: requireCommand('epmd'),
      args: ['-port', String(port), '-address', LOOPBACK],
      logFile: join(folder, 'epmd.log'),
      ready: () => accepts(port),
    });
    await orKeepLogs(folder, [daemon], () => daemon.start());
    return Object.assign(
      controlsOf(daemon, () => removeFolder(folder)),
      { port },
    );
  });
}
