import type { Case } from '../case.js';
import { ABORT_CASES } from './abort.js';
import { ANSWER_CASES } from './answers.js';
import { BINDING_CASES } from './binding.js';
import { EXPIRY_CASES } from './expiry.js';
import { HOSTILE_CASES } from './hostile.js';
import { LATE_CASES } from './late.js';
import { LATE_UNDO_CASES } from './late-undo.js';
import { LIFETIME_CASES } from './lifetime.js';
import { LIST_CASES } from './list.js';
import { HOLDER_CASES } from './holder.js';
import { LOCK_CASES } from './lock.js';
import { MACHINE_CASES } from './machines.js';
import { REGISTER_CASES } from './register.js';
import { TIME_CASES } from './time.js';
import { TOGETHER_CASES } from './together.js';
import { UNLOCK_CASES } from './unlock.js';
import { WATCH_CASES } from './watch.js';

const byId = (a: Case, b: Case): number => (a.id < b.id ? -1 : 1);
const areas = ['BIND', 'FORM', 'REG', 'LIST', 'LOCK', 'HINT', 'UNLOCK', 'EXPIRE', 'ABORT', 'TIME', 'LATE', 'DUP'];
const areaOf = ({ id }: Case): number => {
  const place = areas.findIndex((area) => id.startsWith(`${area}-`));
  return place < 0 ? areas.length : place;
};

/** Every case for a backend, in the order of the report. */
export const CASES: readonly Case[] = [
  ...BINDING_CASES,
  ...ANSWER_CASES,
  ...REGISTER_CASES,
  ...LIST_CASES,
  ...LOCK_CASES,
  ...HOLDER_CASES,
  ...UNLOCK_CASES,
  ...TOGETHER_CASES,
  ...EXPIRY_CASES,
  ...LIFETIME_CASES,
  ...ABORT_CASES,
  ...TIME_CASES,
  ...MACHINE_CASES,
  ...LATE_CASES,
  ...LATE_UNDO_CASES,
  ...HOSTILE_CASES,
  ...WATCH_CASES,
].toSorted((a, b) => areaOf(a) - areaOf(b) || byId(a, b));
