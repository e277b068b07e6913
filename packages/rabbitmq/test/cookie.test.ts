import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { chooseCookie, cookieHash, cookiePath, writeCookie } from '../src/cookie.js';

const folders: string[] = [];
const home = () => {
  const folder = mkdtempSync(join(tmpdir(), 'autocluster-cookie-'));
  folders.push(folder);
  return folder;
};
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const modeOf = (folder: string) => statSync(cookiePath(folder)).mode & 0o777;
const cookieOf = (folder: string) => readFileSync(cookiePath(folder), 'utf8');

describe('S90: the cookie file', () => {
  test('is made for its owner only, folder and all', () => {
    const folder = join(home(), 'inner');
    writeCookie(folder, 'secret');
    expect(cookieOf(folder)).toBe('secret');
    expect(modeOf(folder)).toBe(0o400);
    expect(existsSync(`${cookiePath(folder)}.new`)).toBe(false);
  });

  test('another cookie is replaced, also one that nobody may write', () => {
    const folder = home();
    writeCookie(folder, 'first');
    writeCookie(folder, 'second');
    expect(cookieOf(folder)).toBe('second');
    expect(modeOf(folder)).toBe(0o400);
  });

  test('the right one stays, and loses the permissions that it should not have', () => {
    const folder = home();
    writeFileSync(cookiePath(folder), 'secret\n');
    chmodSync(cookiePath(folder), 0o644);
    const { ino } = statSync(cookiePath(folder));
    writeCookie(folder, 'secret');
    expect(statSync(cookiePath(folder)).ino).toBe(ino);
    expect(modeOf(folder)).toBe(0o400);
  });

  test('what was left of an unfinished write is no obstacle', () => {
    const folder = home();
    writeFileSync(`${cookiePath(folder)}.new`, 'half', { mode: 0o400 });
    writeCookie(folder, 'secret');
    expect(cookieOf(folder)).toBe('secret');
  });

  test('a folder that cannot be made is an error that does not show the cookie', () => {
    const folder = join(home(), 'file');
    writeFileSync(folder, '');
    expect(() => writeCookie(folder, 'secret')).toThrow(expect.objectContaining({ code: 'DRIVER_FAILED' }));
    expect(() => writeCookie(folder, 'secret')).not.toThrow(/secret/);
  });
});

describe('the cookie', () => {
  test('comes from an option or from the file of a secret', () => {
    const file = join(home(), 'secret');
    writeFileSync(file, 'mounted\n');
    expect(chooseCookie({ cookie: 'given', cookieFile: undefined })).toBe('given');
    expect(chooseCookie({ cookie: undefined, cookieFile: file })).toBe('mounted');
    expect(chooseCookie({ cookie: undefined, cookieFile: undefined })).toBeUndefined();
  });

  test.each([
    ['two of them', { cookie: 'a', cookieFile: '/a' }, 'cookieFile'],
    ['a file that is not there', { cookie: undefined, cookieFile: '/nowhere/at/all' }, 'cookieFile'],
    ['a space', { cookie: 'a b', cookieFile: undefined }, 'cookie'],
    ['too long a text', { cookie: 'x'.repeat(256), cookieFile: undefined }, 'cookie'],
  ])('%s is refused and not shown', (_title, source, option) => {
    const choose = () => chooseCookie(source);
    expect(choose).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option, value: '<hidden>' }));
  });

  test('its hash is the one that RabbitMQ logs', () => {
    expect(cookieHash('devcookiedevcookie')).toBe('bwem/EBukaLOwsJTl/C1IA==');
  });
});
