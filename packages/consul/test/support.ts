import type { Backend } from '@autocluster/core/backend';
import { consul, type ConsulOptions } from '@autocluster/consul';
import { afterAll, beforeAll } from 'vitest';
import { freshCluster, Servers as AnyServers } from '../../../test/backends/support.js';
import {
  type ConsulOptions as ServerOptions,
  type ConsulServer,
  startConsul,
} from '../../../test/servers/harness/index.js';
import { Questions } from './questions.js';

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
  backend(options: ConsulOptions): Backend {
    return this.keep(consul(options));
  }
}

/** One Consul for a file of tests, each of which works in a cluster name of its own. */
export class SharedServer extends Servers {
  #started: ConsulServer | undefined;
  readonly consul = new Questions(() => this.server);

  constructor(options: ServerOptions = {}) {
    super();
    beforeAll(async () => {
      this.#started = await startConsul(options);
    });
    afterAll(async () => {
      await this.end();
      await this.#started?.stop();
    });
  }

  get server(): ConsulServer {
    if (this.#started === undefined) throw new Error('the server is not started yet');
    return this.#started;
  }

  /** Two clients of one fresh cluster. */
  pair(changes: Partial<ConsulOptions> = {}): {
    readonly cluster: string;
    readonly one: Backend;
    readonly two: Backend;
  } {
    const all = { cluster: freshCluster(), hosts: this.server.httpAddress, ...changes };
    return { cluster: all.cluster, one: this.backend(all), two: this.backend(all) };
  }
}

export const sharedServer = (options?: ServerOptions): SharedServer => new SharedServer(options);
