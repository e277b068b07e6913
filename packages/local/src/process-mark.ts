import { readFileSync, readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { bootId } from './boot.js';

/** What a process is told by on Linux: its start, and whose numbers its id is one of. */
interface Birth {
  readonly started: string;
  readonly numbers: string;
}

/** Earlier releases did not name the boot. */
const MARK = /^(\d{1,10})-(\w{1,24})-(\w{1,24})(?:-([\da-f]{8}|x))?-\d{1,10}$/;
const NOT_KNOWN = 'x';
/** Of the fields behind the name of the program. */
const STATE = 0;
const STARTED = 19;
/** Ended, and not yet forgotten by its parent. */
const ENDED = new Set(['Z', 'X']);

function fieldsOf(pid: number | 'self'): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function ownBirth(): Birth {
  try {
    const [numbers = NOT_KNOWN] = /\d+/.exec(readlinkSync('/proc/self/ns/pid')) ?? [];
    return { started: fieldsOf('self')[STARTED] ?? NOT_KNOWN, numbers };
  } catch {
    // Not Linux: a process is told by its id alone.
    return { started: NOT_KNOWN, numbers: NOT_KNOWN };
  }
}

function ownBoot(): string {
  try {
    return /^[\da-f]{8}/.exec(bootId())?.[0] ?? NOT_KNOWN;
  } catch {
    return NOT_KNOWN;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

function hasItsPlace(pid: number, started: string): boolean {
  if (started === NOT_KNOWN) return true;
  try {
    const fields = fieldsOf(pid);
    return fields[STARTED] === started && !ENDED.has(fields[STATE] ?? '');
  } catch {
    // It runs, and may be one that we are not shown.
    return true;
  }
}

const birth = ownBirth();
const ownBootName = ownBoot();

/** A name that no other process of this machine has, nor had. */
export const ownMark = `${process.pid}-${birth.started}-${birth.numbers}-${ownBootName}-${threadId}`;

/** Whether the process of this mark has certainly ended. One that cannot be told has not. */
export function hasEnded(mark: string): boolean {
  const [, pid, started = NOT_KNOWN, numbers, boot = NOT_KNOWN] = MARK.exec(mark) ?? [];
  // Nothing outlives a boot, also where the numbers of its processes mean nothing any more, as after that of a container.
  if (![boot, ownBootName].includes(NOT_KNOWN) && boot !== ownBootName) return true;
  if (pid === undefined || numbers !== birth.numbers) return false;
  return !(isRunning(Number(pid)) && hasItsPlace(Number(pid), started));
}
