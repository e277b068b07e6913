import type { Case } from '../case.js';
import { BINDING_CASES } from './binding.js';
import { EXPIRY_CASES } from './expiry.js';
import { LIST_CASES } from './list.js';
import { LOCK_CASES } from './lock.js';
import { REGISTER_CASES } from './register.js';
import { UNLOCK_CASES } from './unlock.js';

/** Every case for a backend, in the order of the report. */
export const CASES: readonly Case[] = [
  ...BINDING_CASES,
  ...REGISTER_CASES,
  ...LIST_CASES,
  ...LOCK_CASES,
  ...UNLOCK_CASES,
  ...EXPIRY_CASES,
];
