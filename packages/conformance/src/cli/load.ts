import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { invalidType } from '@autocluster/core/backend';
import type { BackendSubject } from '../subject.js';
import type { DriverSubject } from '../driver/subject.js';

export type AnySubject = BackendSubject | DriverSubject;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export const isDriverSubject = (subject: AnySubject): subject is DriverSubject => 'world' in subject;

function isSubject(value: unknown): value is AnySubject {
  if (!isObject(value) || !('name' in value) || typeof value.name !== 'string') return false;
  if ('world' in value) return typeof value.world === 'function';
  const hasWire = 'wire' in value && isObject(value.wire) && 'kind' in value.wire;
  const hasClient = 'client' in value && typeof value.client === 'function';
  return hasWire && hasClient && 'operator' in value && typeof value.operator === 'function';
}

/** What a file exports by default; throws when that is nothing to test. */
export async function loadSubject(file: string): Promise<AnySubject> {
  const module: unknown = await import(pathToFileURL(resolve(file)).href);
  const exported = isObject(module) && 'default' in module ? module.default : undefined;
  const made: unknown = typeof exported === 'function' ? await exported() : exported;
  if (isSubject(made)) return made;
  throw invalidType(
    `the default export of ${file}`,
    made,
    'what backendSubject() or driverSubject() answers, or a function that makes it',
  );
}
