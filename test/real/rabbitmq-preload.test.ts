import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { freePorts, makeCertificates, makeFolder, removeFolder } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { fleetOnEtcd } from './rabbitmq/suite.ts';

vi.setConfig({ testTimeout: 240_000 });

/** Of what RabbitMQ depends on and never calls, how many modules are loaded; and whether Erlang's TLS runs. */
const LOADED = `{length([M || App <- [xmerl, tools], {ok, [{application, _, Facts}]} <-
  [file:consult(code:where_is_file(atom_to_list(App) ++ ".app"))], M <- proplists:get_value(modules, Facts),
  erlang:module_loaded(M)]), lists:keymember(ssl, 1, application:which_applications())}.`;

const AMQP_HEADER = Buffer.from([65, 77, 81, 80, 0, 0, 9, 1]);

/** The first frame of a broker to a client that speaks AMQP over TLS. */
function greeted(port: number, ca: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: 'localhost', port, ca }, () => socket.write(AMQP_HEADER));
    socket.once('error', reject);
    socket.once('data', (frame) => {
      resolve(frame);
      socket.destroy();
    });
  });
}

describe('a RabbitMQ node', () => {
  serverSuite(['rabbitmq', 'etcd'], 'whose modules are loaded ahead', () => {
    const folder = makeFolder('preload');
    const on = fleetOnEtcd();

    afterAll(async () => {
      await removeFolder(folder);
    });

    it('serves TLS and plugins, and leaves out the modules of Erlang that nobody calls', async () => {
      const { caFile, server } = await makeCertificates(folder);
      const [tlsPort = 0, managementPort = 0] = await freePorts(2);
      const [node] = await on.fleet.start({
        name: 'rabbit',
        store: { kind: 'etcd', cluster: 'preloaded', hosts: on.etcd.endpoint },
        options: { ttlMs: 15_000 },
        plugins: ['rabbitmq_management'],
        config: [
          `listeners.ssl.default = 127.0.0.1:${tlsPort}`,
          `ssl_options.cacertfile = ${caFile}`,
          `ssl_options.certfile = ${server.certFile}`,
          `ssl_options.keyfile = ${server.keyFile}`,
          'management.tcp.ip = 127.0.0.1',
          `management.tcp.port = ${managementPort}`,
        ],
      });
      if (!node) return expect.fail('no node');
      await node.serves();
      expect((await greeted(tlsPort, readFileSync(caFile))).subarray(0, 1)).toEqual(Buffer.from([1]));
      const overview = await fetch(`http://127.0.0.1:${managementPort}/api/overview`, {
        headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
      });
      expect(overview.status).toBe(200);
      expect((await node.rabbitmqctl(['eval', LOADED])).stdout.trim()).toBe('{0,true}');
    });
  });
});
