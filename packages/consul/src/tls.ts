import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { ConsulTlsOptions } from './config.js';
import { CallFailure } from './errors.js';

/** What a connection is made with; a part that is missing is the platform's own. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

const isPem = (text: string): boolean => text.includes('-----BEGIN');

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function read(option: string, value: string, agent: string): Buffer {
  if (isPem(value)) return Buffer.from(value);
  try {
    return readFileSync(value);
  } catch (error) {
    throw new CallFailure('tls', `tls.${option} cannot be read: ${reasonOf(error)}`, agent);
  }
}

/** What a person should look at: the files by name, never the texts. */
export function describeTls({ ca, cert, key, serverName }: ConsulTlsOptions): string {
  const shown = Object.entries({ ca, cert, key }).map(([name, value]) => {
    const where = value === undefined ? 'not given' : isPem(value) ? 'given as text' : value;
    return `tls.${name}: ${where}`;
  });
  return [...shown, ...(serverName === undefined ? [] : [`tls.serverName: ${serverName}`])].join(', ');
}

/** Reads and checks all files anew. */
export function readTls({ serverName, ...files }: ConsulTlsOptions, agent: string): TlsMaterial {
  const entries = Object.entries(files).map(([name, value]: [string, string]) => [name, read(name, value, agent)]);
  const material: TlsMaterial = Object.fromEntries(entries);
  try {
    createSecureContext({ ...material });
  } catch (error) {
    throw new CallFailure('tls', `the certificates cannot be used: ${reasonOf(error)}`, agent);
  }
  return serverName === undefined ? material : { ...material, servername: serverName };
}
