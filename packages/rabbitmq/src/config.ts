import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import {
  invalidRange,
  invalidType,
  requireKnown,
  requireOneOf,
  requireText,
  requireWhole,
} from '@autocluster/core/driver';
import { chooseCookie } from './cookie.js';
import { type NodeName, nodeName } from './names.js';

export interface RabbitmqOptions {
  /**
   * Name of the RabbitMQ node: `prefix@host`, or the prefix only. The same after each restart: the data of a node belong to
   * its name. Default: `RABBITMQ_NODENAME`, else `rabbit`.
   */
  readonly node?: string;
  /** The host part, when `node` has none. Default: this machine's name, for short names up to its first dot. */
  readonly host?: string;
  /** Default: `RABBITMQ_USE_LONGNAME`, else whether the host part has a dot. */
  readonly longNames?: boolean;
  /** The Erlang cookie. Written to `.erlang.cookie` of `home`, for its owner only. Default: the file stays as it is. */
  readonly cookie?: string;
  /** A file, such as a mounted secret, that holds the cookie. Default: `RABBITMQ_ERLANG_COOKIE` where that is set. */
  readonly cookieFile?: string;
  /** Folder of the cookie: the home of the user that the broker runs as. Default: `HOME`. */
  readonly home?: string;
  /** Folder of RabbitMQ's own scripts, which do not switch users. Default: found by `PATH`. */
  readonly scripts?: string;
  /** How brokers are asked. Default `auto`: by `erl_call` where it is on `PATH`, else by `rabbitmqctl`, which takes 100 times longer. */
  readonly ask?: 'auto' | 'erl_call' | 'rabbitmqctl';
  /** Environment of the broker and of its commands, as RabbitMQ documents it. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where an unfinished join is noted, and what is known while the broker does not run. Default: beside the broker's data folder. */
  readonly stateFile?: string;
}

export interface RabbitmqConfig extends NodeName {
  readonly home: string;
  /** What is to be written; undefined: Erlang's own file counts. */
  readonly cookie: string | undefined;
  readonly scripts: string;
  /** Path of `erl_call`; undefined: `rabbitmqctl` asks. */
  readonly erlCall: string | undefined;
  readonly epmdPort: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stateFile: string | undefined;
}

export const RABBITMQ_OPTIONS: readonly (keyof RabbitmqOptions)[] = [
  'node',
  'host',
  'longNames',
  'cookie',
  'cookieFile',
  'home',
  'scripts',
  'ask',
  'env',
  'stateFile',
];

type Environment = Readonly<Record<string, string | undefined>>;

function onPath(command: string, env: Environment): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}

const { compare: byNumbers } = new Intl.Collator('en', { numeric: true });

/** Packages put commands on `PATH` that switch users, and so read another cookie; the scripts below RabbitMQ's home do not. */
function scriptsBehind(command: string): string {
  const versions = join(dirname(command), '..', 'lib', 'rabbitmq', 'lib');
  const packaged = existsSync(versions) ? readdirSync(versions).sort(byNumbers) : [];
  const folders = packaged
    .filter((name) => name.startsWith('rabbitmq_server-'))
    .map((name) => join(versions, name, 'sbin'));
  // A version that was removed may leave a folder behind.
  return folders.findLast((folder) => existsSync(join(folder, 'rabbitmqctl'))) ?? dirname(realpathSync(command));
}

function findScripts(given: unknown, env: Environment): string {
  if (given !== undefined) {
    const folder = requireText('scripts', given);
    if (existsSync(join(folder, 'rabbitmqctl'))) return folder;
    throw invalidRange('scripts', folder, 'a folder that holds rabbitmqctl');
  }
  // A user's PATH often has the bin folders only, and the command is in sbin.
  const sbin = {
    PATH: `${env['PATH'] ?? ''}${delimiter}/usr/local/sbin${delimiter}/usr/sbin${delimiter}/opt/rabbitmq/sbin`,
  };
  const command = onPath('rabbitmqctl', env) ?? onPath('rabbitmqctl', sbin);
  if (command !== undefined) return scriptsBehind(command);
  throw invalidRange('scripts', undefined, 'the folder of rabbitmqctl, which is not on PATH');
}

function findErlCall(ask: 'auto' | 'erl_call' | 'rabbitmqctl', env: Environment): string | undefined {
  // erl_call speaks no TLS between nodes.
  const encrypted = /-proto_dist\s+\S*tls/.test(
    `${env['RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS'] ?? ''} ${env['RABBITMQ_CTL_ERL_ARGS'] ?? ''}`,
  );
  if (ask === 'rabbitmqctl' || (ask === 'auto' && encrypted)) return undefined;
  const found = onPath('erl_call', env);
  if (ask === 'erl_call' && found === undefined) {
    throw invalidRange('ask', ask, "'auto' or 'rabbitmqctl', since erl_call is not on PATH");
  }
  return found;
}

function flag(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined || text === '') return undefined;
  return requireOneOf(name, text, ['true', 'false', '1', '0']) === 'true' || text === '1';
}

function optional(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : requireText(name, value);
}

function environment(value: unknown): Environment {
  if (value === undefined) return process.env;
  if (typeof value !== 'object' || value === null) throw invalidType('env', value, 'an object of texts');
  for (const [name, text] of Object.entries(value)) {
    if (text !== undefined && typeof text !== 'string') throw invalidType(`env.${name}`, text, 'a string');
  }
  return value as Environment;
}

/** Checks the options; throws `INVALID_OPTION`. Looks for RabbitMQ, and changes nothing. */
export function readOptions(options: RabbitmqOptions = {}): RabbitmqConfig {
  if (typeof options !== 'object' || options === null) throw invalidType('options', options, 'an object');
  requireKnown(options, RABBITMQ_OPTIONS, 'rabbitmq');
  if (options.longNames !== undefined && typeof options.longNames !== 'boolean') {
    throw invalidType('longNames', options.longNames, 'true or false');
  }
  const env = environment(options.env);
  const name = nodeName({
    node: optional('node', options.node) ?? (env['RABBITMQ_NODENAME'] || undefined),
    host: optional('host', options.host),
    longNames: options.longNames ?? flag('RABBITMQ_USE_LONGNAME', env['RABBITMQ_USE_LONGNAME']),
  });
  const cookieFile = optional('cookieFile', options.cookieFile);
  const fromEnvironment = cookieFile === undefined ? env['RABBITMQ_ERLANG_COOKIE'] || undefined : undefined;
  const ask = requireOneOf('ask', options.ask ?? 'auto', ['auto', 'erl_call', 'rabbitmqctl']);
  const epmdPort = Number(env['ERL_EPMD_PORT'] || 4369);
  return {
    ...name,
    home: optional('home', options.home) ?? (env['HOME'] || homedir()),
    cookie: chooseCookie({ cookie: optional('cookie', options.cookie) ?? fromEnvironment, cookieFile }),
    scripts: findScripts(options.scripts, env),
    erlCall: findErlCall(ask, env),
    epmdPort: requireWhole('ERL_EPMD_PORT', epmdPort, { min: 1, max: 65_535 }),
    env,
    stateFile: optional('stateFile', options.stateFile),
  };
}
