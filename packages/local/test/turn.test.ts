import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../src/database.js';
import { hasEnded, ownMark } from '../src/process-mark.js';
import { createTurn } from '../src/turn.js';
import { newFolder } from './support.js';

const markOf = (pid: number | undefined) => ownMark.replace(/^\d+/, `${pid}`);
const endedPid = () => spawnSync(process.execPath, ['-e', '']).pid;
const isLinux = process.platform === 'linux';

/** The mark that a process which runs has given itself. */
function markOfRunning(pid: number): string {
  if (!isLinux) return markOf(pid);
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const started = text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  const [numbers] = /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`)) ?? [];
  return `${pid}-${started}-${numbers}-0`;
}

describe('the mark of a process', () => {
  it('is of one that runs', () => {
    expect([ownMark, markOfRunning(process.ppid)].map(hasEnded)).toEqual([false, false]);
  });

  it('of one that has ended is told', () => {
    expect(hasEnded(markOf(endedPid()))).toBe(true);
  });

  it.runIf(isLinux)('is not that of a later process with the same id', () => {
    const [pid, started, ...rest] = markOfRunning(process.ppid).split('-');
    expect(hasEnded([pid, `${Number(started) - 1}`, ...rest].join('-'))).toBe(true);
  });

  it.each(['', 'noise', '1-2', `${2 ** 31 - 1}-1-1-0`])('that cannot be judged (%j) is of one that runs', (mark) => {
    expect(hasEnded(mark)).toBe(false);
  });
});

describe('a turn', () => {
  it('is had by nobody else meanwhile, and leaves nothing behind', () => {
    const folder = newFolder();
    const turn = createTurn(folder);
    const within = () => readdirSync(folder);
    expect(turn.attempt(within)).toEqual({ result: [ownMark] });
    expect(() => turn.attempt(() => expect.fail('on purpose'))).toThrow('on purpose');
    expect(within()).toEqual([]);
  });

  it('is not had while another process has it', () => {
    const folder = newFolder();
    const turn = createTurn(folder);
    const other = markOfRunning(process.ppid);
    writeFileSync(join(folder, other), '');
    expect(turn.attempt(() => expect.fail('is not run'))).toBeUndefined();
    expect(turn.others()).toEqual([other]);
    expect(readdirSync(folder)).toEqual([other]);
  });

  it('that a process was killed in is taken from it', () => {
    const folder = newFolder();
    writeFileSync(join(folder, markOf(endedPid())), '');
    const turn = createTurn(folder);
    expect(turn.attempt(() => expect.fail('is not run'))).toBeUndefined();
    turn.forget();
    expect(turn.attempt(() => 'had')).toEqual({ result: 'had' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a transaction that LMDB refuses', () => {
  it('writes nothing, and the store goes on', () => {
    const database = openDatabase(newFolder());
    const write = (...keys: readonly string[]) =>
      database.transact((transaction) => transaction.write(keys.map((key) => ({ key, value: 'x' }))));
    const keyTooLong = 'k'.repeat(5_000);
    for (let round = 0; round < 3; round += 1) expect(() => write(`lost ${round}`, keyTooLong)).toThrow(/Key size/);
    write('kept');
    expect(database.read((reader) => [reader.get('kept'), reader.get('lost 2')])).toEqual(['x', undefined]);
    database.close();
    expect(() => write('late')).toThrow(/closed/);
  });

  it.runIf(isLinux)('leaves no file open behind it', () => {
    const folder = newFolder();
    const openFiles = () => readdirSync('/proc/self/fd').filter((each) => isOf(each, folder)).length;
    const database = openDatabase(folder);
    const before = openFiles();
    const write = (key: string) => database.transact((transaction) => transaction.write([{ key, value: 'x' }]));
    for (let round = 0; round < 5; round += 1) expect(() => write('k'.repeat(5_000))).toThrow(/Key size/);
    expect(openFiles()).toBe(before);
    write('k');
    database.close();
    expect(openFiles()).toBe(0);
  });
});

function isOf(descriptor: string, folder: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder);
  } catch {
    return false;
  }
}
