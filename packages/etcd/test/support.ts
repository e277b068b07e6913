import type { Backend } from '@autocluster/core/backend';
import { etcd, type EtcdOptions } from '@autocluster/etcd';
import { afterAll, beforeAll } from 'vitest';
import { freshCluster, Servers as AnyServers } from '../../../test/backends/support.js';
import { type EtcdOptions as ServerOptions, type EtcdServer, startEtcd } from '../../../test/servers/harness/index.js';

export {
  busy,
  call,
  failure,
  freshCluster,
  held,
  lockOf,
  recordOf,
  registered,
  registration,
} from '../../../test/backends/support.js';

export class Servers extends AnyServers {
  backend(options: EtcdOptions): Backend {
    return this.keep(etcd(options));
  }
}

/** One etcd for a file of tests, each of which works in a cluster name of its own. */
export class SharedServer extends Servers {
  #started: EtcdServer | undefined;

  constructor(options: ServerOptions = {}) {
    super();
    beforeAll(async () => {
      this.#started = await startEtcd(options);
    });
    afterAll(async () => {
      await this.end();
      await this.#started?.stop();
    });
  }

  get server(): EtcdServer {
    if (this.#started === undefined) throw new Error('the server is not started yet');
    return this.#started;
  }

  /** Two clients of one fresh cluster. */
  pair(changes: Partial<EtcdOptions> = {}): { readonly cluster: string; readonly one: Backend; readonly two: Backend } {
    const all = { cluster: freshCluster(), hosts: this.server.endpoint, ...changes };
    return { cluster: all.cluster, one: this.backend(all), two: this.backend(all) };
  }

  async etcdctl(...args: readonly string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await this.server.etcdctl(args);
    if (exitCode !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return (await this.etcdctl('get', '--prefix', '--keys-only', prefix)).split('\n').filter(Boolean);
  }

  async leases(): Promise<number> {
    return (await this.etcdctl('lease', 'list')).split('\n').filter((line) => /^[0-9a-f]+$/.test(line)).length;
  }

  async put(key: string, value: string): Promise<void> {
    await this.etcdctl('put', '--', key, value);
  }

  async remove(key: string): Promise<void> {
    await this.etcdctl('del', '--', key);
  }

  /** Raft's own count of proposals: every write makes one, a linearizable read none. */
  async proposals(): Promise<number> {
    const count = (await this.server.metrics()).get('etcd_server_proposals_committed_total');
    if (count === undefined) throw new Error('etcd does not count its proposals');
    return count;
  }
}

export const sharedServer = (options?: ServerOptions): SharedServer => new SharedServer(options);
