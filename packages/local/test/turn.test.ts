import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../src/database.js';
import { hasEnded, ownMark } from '../src/process-mark.js';
import { createQueue } from '../src/queue.js';
import { createTurn, inTurn, QUEUE_FOLDER, TURN_FOLDER } from '../src/turn.js';
import { newFolder } from './support.js';

const markOf = (pid: number | undefined) => ownMark.replace(/^\d+/, `${pid}`);
const endedPid = () => spawnSync(process.execPath, ['-e', '']).pid;
const isLinux = process.platform === 'linux';
const neverEnds = () => undefined;

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

  it.runIf(isLinux)('of an earlier boot is of one that has ended, whatever numbers its processes had', () => {
    const [pid, started, numbers, boot, thread] = ownMark.split('-');
    const ofBoot = (id: string | undefined) => [pid, started, `${Number(numbers) + 1}`, id, thread].join('-');
    expect([hasEnded(ofBoot(boot)), hasEnded(ofBoot('00000000'))]).toEqual([false, true]);
  });

  it.each(['', 'noise', '1-2', `${2 ** 31 - 1}-1-1-0`])('that cannot be judged (%j) is of one that runs', (mark) => {
    expect(hasEnded(mark)).toBe(false);
  });
});

describe('a turn', () => {
  const newTurn = () => {
    const folder = newFolder();
    const turn = createTurn(folder);
    const shown = join(folder, TURN_FOLDER);
    return { turn, shown, tickets: join(folder, QUEUE_FOLDER), within: () => readdirSync(shown) };
  };

  it('is had by nobody else meanwhile, and leaves nothing behind', () => {
    const { turn, within } = newTurn();
    expect(turn.attempt(within)).toEqual({ result: [ownMark] });
    expect(() => turn.attempt(() => expect.fail('on purpose'))).toThrow('on purpose');
    expect(within()).toEqual([]);
  });

  it('is not had while another process has it', () => {
    const { turn, shown, within } = newTurn();
    const other = markOfRunning(process.ppid);
    writeFileSync(join(shown, other), '');
    expect(turn.attempt(() => expect.fail('is not run'))).toBeUndefined();
    expect(turn.others()).toEqual([other]);
    expect(within()).toEqual([other]);
  });

  it('that a process was killed in is taken from it', () => {
    const { turn, shown, within } = newTurn();
    writeFileSync(join(shown, markOf(endedPid())), '');
    expect(turn.attempt(() => expect.fail('is not run'))).toBeUndefined();
    turn.forget();
    expect(turn.attempt(() => 'had')).toEqual({ result: 'had' });
    expect(within()).toEqual([]);
  });

  it('comes to those that wait in the order in which they came, and to one that comes later behind them', async () => {
    const { turn, shown, tickets } = newTurn();
    const other = join(shown, markOfRunning(process.ppid));
    writeFileSync(other, '');
    const had: number[] = [];
    const waiting = [1, 2, 3, 4].map((each) => inTurn(turn, () => had.push(each), neverEnds));
    rmSync(other);
    await Promise.all([...waiting, inTurn(turn, () => had.push(5), neverEnds)]);
    expect(had).toEqual([1, 2, 3, 4, 5]);
    expect(readdirSync(tickets)).toEqual([]);
  });

  it('that nobody waits for any longer goes to the next, together with the call', async () => {
    const { turn, shown, tickets } = newTurn();
    const other = join(shown, markOfRunning(process.ppid));
    writeFileSync(other, '');
    let isWanted = true;
    const gone = inTurn(
      turn,
      () => expect.fail('is not run'),
      () => {
        if (!isWanted) throw new Error('gone');
      },
    );
    const next = turn.queue.join();
    next.keep();
    isWanted = false;
    rmSync(other);
    turn.queue.callFirst();
    await expect(gone).rejects.toThrow('gone');
    expect(next.isCalled()).toBe(true);
    next.leave();
    expect(readdirSync(tickets)).toEqual([]);
  });

  it.each(['waiting', 'called'])('does not wait for a process that was %s and does not go on', async (state) => {
    const { turn, tickets } = newTurn();
    writeFileSync(join(tickets, `${state}-${'0'.repeat(12)}-1-${markOfRunning(process.ppid)}`), '');
    expect(await inTurn(turn, () => 'had', neverEnds)).toBe('had');
    expect(readdirSync(tickets)).toEqual([]);
  });
});

describe('the queue', () => {
  const newQueue = () => {
    const folder = newFolder();
    const queue = createQueue(folder);
    const join = () => {
      const place = queue.join();
      place.keep();
      return place;
    };
    return { folder, queue, places: [join(), join()] as const };
  };

  it('calls one at a time, who came first', () => {
    const { folder, queue, places } = newQueue();
    const called = () => places.map((place) => place.isCalled());
    queue.callFirst();
    queue.callFirst();
    expect(called()).toEqual([true, false]);
    places[0].leave();
    queue.callFirst();
    expect(called()).toEqual([true, true]);
    places[1].leave();
    expect([queue.isEmpty(), readdirSync(folder)]).toEqual([true, []]);
  });

  it('keeps the place of one that was called in vain', () => {
    const { queue, places } = newQueue();
    queue.callFirst();
    places[0].keep();
    expect(places[0].isCalled()).toBe(false);
    queue.callFirst();
    expect(places.map((place) => place.isCalled())).toEqual([true, false]);
    for (const place of places) place.leave();
  });

  it('calls the next when the one that was called is late', () => {
    const { queue, places } = newQueue();
    queue.callFirst();
    queue.callFirst(queue.called());
    expect(places.map((place) => place.isCalled())).toEqual([true, true]);
    // The late one comes all the same, and finds its place again.
    places[0].keep();
    places[1].leave();
    queue.callFirst();
    expect(places[0].isCalled()).toBe(true);
    places[0].leave();
    expect(queue.isEmpty()).toBe(true);
  });

  it.each(['waiting', 'called'])('passes over a process that was killed while it was %s', (state) => {
    const { folder, queue, places } = newQueue();
    const ticket = join(folder, `${state}-${'0'.repeat(12)}-1-${markOf(endedPid())}`);
    writeFileSync(ticket, '');
    queue.callFirst();
    expect([existsSync(ticket), ...places.map((place) => place.isCalled())]).toEqual([false, true, false]);
    for (const place of places) place.leave();
  });

  it('wakes who is called', async () => {
    const { queue, places } = newQueue();
    const woken = places[0].wait(2 ** 31 - 1);
    queue.callFirst();
    await woken;
    expect(places[0].isCalled()).toBe(true);
    for (const place of places) place.leave();
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
