import type { Memory } from '../memory.js';
import { situationOf } from '../situation.js';
import { BLANK_ROWS } from './blank.js';
import { COMMITTED_ROWS } from './committed.js';
import type { Case, Decision, Look, Row } from './decision.js';
import { FORMED_ROWS } from './formed.js';
import { UNKNOWN_ROWS, UNSURE_ROWS } from './unsure.js';
import { CREATE_ROWS } from './who-creates.js';

/** The whole table, in order. */
export const DECIDE_TABLE: readonly Row<Case>[] = [
  ...UNSURE_ROWS,
  ...FORMED_ROWS,
  ...COMMITTED_ROWS,
  ...BLANK_ROWS,
  ...CREATE_ROWS,
];

function firstMatch<C>(rows: readonly Row<C>[], c: C): Decision | undefined {
  const match = rows.find((row) => row.when(c));
  return match && { ...match.outcome(c), row: match.row };
}

const UNREACHED: Decision = { kind: 'stay', row: 'none' };

/**
 * What to do, from one immutable observation and what earlier ones proved. The same table decides before the lock is asked
 * for and again under it.
 */
export function decide(look: Look): Decision {
  const unknown = firstMatch(UNKNOWN_ROWS, look);
  if (unknown) return unknown;
  const s = situationOf(look.config, look.observation);
  return (s && firstMatch(DECIDE_TABLE, { ...look, s })) ?? UNREACHED;
}

/** Whether this observation shows too little to do anything that lasts. */
export function isUnsure(look: Look): boolean {
  const s = situationOf(look.config, look.observation);
  return s === undefined || firstMatch(UNSURE_ROWS, { ...look, s }) !== undefined;
}

export type { Memory };
