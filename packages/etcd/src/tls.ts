import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates } from 'node:tls';
import type { EtcdTlsOptions } from './config.js';
import { CallFailure } from './errors.js';

export interface TlsMaterial {
  readonly rootCertificate: Buffer;
  readonly privateKey?: Buffer;
  readonly certChain?: Buffer;
}

const isPem = (text: string): boolean => text.includes('-----BEGIN');

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function read(option: keyof EtcdTlsOptions, value: string, endpoint: string): Buffer {
  if (isPem(value)) return Buffer.from(value);
  try {
    return readFileSync(value);
  } catch (error) {
    throw new CallFailure('tls', `tls.${option} cannot be read: ${reasonOf(error)}`, endpoint);
  }
}

/** What a person should look at: the files by name, never the texts. */
export function describeTls({ ca, cert, key, serverName }: EtcdTlsOptions): string {
  const shown = Object.entries({ ca, cert, key }).map(([name, value]) => {
    const where = value === undefined ? 'not given' : isPem(value) ? 'given as text' : value;
    return `tls.${name}: ${where}`;
  });
  return [...shown, ...(serverName === undefined ? [] : [`tls.serverName: ${serverName}`])].join(', ');
}

/** Reads and checks all files anew; undefined when nothing but the platform's own authorities is to be used. */
export function readTls(tls: EtcdTlsOptions, endpoint: string): TlsMaterial | undefined {
  if (tls.ca === undefined && tls.cert === undefined) return undefined;
  const ca = tls.ca === undefined ? undefined : read('ca', tls.ca, endpoint);
  const cert = tls.cert === undefined ? undefined : read('cert', tls.cert, endpoint);
  const key = tls.key === undefined ? undefined : read('key', tls.key, endpoint);
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new CallFailure('tls', `the certificates cannot be used: ${reasonOf(error)}`, endpoint);
  }
  const pair = cert === undefined || key === undefined ? {} : { privateKey: key, certChain: cert };
  return { rootCertificate: ca ?? Buffer.from(rootCertificates.join('\n')), ...pair };
}
