import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { DirectAccess } from './config.js';
import { CallFailure } from './errors.js';

/** What TLS needs to know; each part as Node.js takes it. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Where the API server is and who we are, as it was read last. */
export interface Access {
  /** `https://host:port`, maybe with a path. */
  readonly server: string;
  readonly namespace: string;
  readonly tls: TlsMaterial;
  /** Secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** The way through a proxy; without one the connection makes its own. */
  readonly agent?: Agent;
}

/** Tells all of that anew at each call: files rotate while we run. */
export interface AccessSource {
  read(): Promise<Access>;
  /** What a person should look at when the connection is not trusted: files by name, never their text. */
  readonly tlsFiles: string;
  readonly credentials: string;
}

const isPem = (text: string): boolean => text.includes('-----BEGIN');
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function fileText(what: string, path: string, trouble: 'tls' | 'credentials'): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CallFailure(trouble, `${what} cannot be read: ${reasonOf(error)}`);
  }
}

async function pem(what: string, value: string | undefined): Promise<string | undefined> {
  if (value === undefined || isPem(value)) return value;
  return fileText(what, value, 'tls');
}

const where = (value: string | undefined): string =>
  value === undefined ? 'not given' : isPem(value) ? 'given as text' : value;

/** What the user's function throws or answers instead of a text may hold a secret, so nothing of it is shown. */
function askedToken(ask: () => string): string {
  let given: unknown;
  try {
    given = ask();
  } catch {
    throw new CallFailure('credentials', 'the token option, a function, has thrown');
  }
  if (typeof given === 'string' && given.trim() !== '') return given;
  throw new CallFailure('credentials', 'the token option, a function, did not return a text');
}

async function tokenOf({ token, tokenFile }: DirectAccess): Promise<string | undefined> {
  const text =
    tokenFile === undefined ? token && askedToken(token) : await fileText('tokenFile', tokenFile, 'credentials');
  if (text === undefined) return undefined;
  // A newline at the end of the file, or anything else that no header can carry.
  const trimmed = text.trim();
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new CallFailure('credentials', `${tokenFile ?? 'the token option'} holds no token`);
}

async function namespaceOf({ namespace, namespaceFile }: DirectAccess): Promise<string> {
  if (namespace !== undefined) return namespace;
  if (namespaceFile === undefined) return 'default';
  return (await fileText('the namespace of the ServiceAccount', namespaceFile, 'credentials')).trim();
}

/** A server that is named by the options, or that a pod finds in its environment. */
export function directAccess(direct: DirectAccess): AccessSource {
  const { server, tls, tokenFile, token } = direct;
  const shown = Object.entries({ ca: tls.ca, cert: tls.cert, key: tls.key }).map(
    ([name, value]) => `tls.${name}: ${where(value)}`,
  );
  const credentials =
    tokenFile ?? (token ? 'the token option' : tls.cert === undefined ? 'the options, which hold none' : 'tls.cert');
  return {
    tlsFiles: [...shown, ...(tls.serverName === undefined ? [] : [`tls.serverName: ${tls.serverName}`])].join(', '),
    credentials,
    async read() {
      const [ca, cert, key, bearer, namespace] = await Promise.all([
        pem('tls.ca', tls.ca),
        pem('tls.cert', tls.cert),
        pem('tls.key', tls.key),
        tokenOf(direct),
        namespaceOf(direct),
      ]);
      const material = {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
        ...(tls.verify ? {} : { rejectUnauthorized: false }),
      };
      const headers: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
      return { server, namespace, tls: material, headers };
    },
  };
}
