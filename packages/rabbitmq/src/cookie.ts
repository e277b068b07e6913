import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalidRange } from '@autocluster/core/driver';
import { brokerError } from './errors.js';

export interface CookieSource {
  readonly cookie: string | undefined;
  /** A mounted secret. */
  readonly cookieFile: string | undefined;
}

const COOKIE = /^[\x21-\x7e]{1,255}$/;
const OWNER_MAY_READ = 0o400;

/** The file from which Erlang, and every command of RabbitMQ, takes the cookie. */
export const cookiePath = (home: string): string => join(home, '.erlang.cookie');

function readOr<T>(path: string, otherwise: T): string | T {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return otherwise;
  }
}

function requireCookie(option: string, text: string): string {
  if (COOKIE.test(text)) return text;
  throw invalidRange(option, text, '1 to 255 visible ASCII characters, the same on every node of the cluster');
}

/** The cookie that was asked for; undefined when Erlang's own file is to stay as it is. */
export function chooseCookie({ cookie, cookieFile }: CookieSource): string | undefined {
  if (cookie !== undefined && cookieFile !== undefined) {
    throw invalidRange('cookieFile', cookieFile, 'either cookie or cookieFile');
  }
  if (cookie !== undefined) return requireCookie('cookie', cookie);
  if (cookieFile === undefined) return undefined;
  const text = readOr(cookieFile, undefined);
  if (text === undefined) throw invalidRange('cookieFile', cookieFile, 'a file that can be read');
  return requireCookie('cookieFile', text);
}

/**
 * Puts the cookie where Erlang reads it, for its owner only: in a file beside it first, so that nobody ever reads a half of
 * it. A cookie on a command line would be seen by everybody who can list the processes.
 */
export function writeCookie(home: string, cookie: string): void {
  const path = cookiePath(home);
  const unfinished = `${path}.new`;
  try {
    if (readOr(path, undefined) !== cookie) {
      mkdirSync(home, { recursive: true });
      rmSync(unfinished, { force: true });
      writeFileSync(unfinished, cookie, { mode: OWNER_MAY_READ, flag: 'wx' });
      renameSync(unfinished, path);
    }
    chmodSync(path, OWNER_MAY_READ);
  } catch (cause) {
    throw brokerError(`the Erlang cookie cannot be written to ${path}`, {
      operation: 'cookie',
      retryable: false,
      cause,
    });
  }
}

/** What RabbitMQ shows of a cookie, and what two nodes can be compared by: `rabbitmq-diagnostics erlang_cookie_hash`. */
export const cookieHash = (cookie: string): string => createHash('md5').update(cookie).digest('base64');
