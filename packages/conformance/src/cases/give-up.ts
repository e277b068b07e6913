import { isClusterError, type LockRequest } from '@autocluster/core/backend';
import { broken } from '../errors.js';
import { attemptOf } from '../space/request.js';
import type { Client } from '../space/client.js';
import type { Space } from '../space/space.js';

/**
 * Removes what an attempt got, or may still get, as the core does when it gives one up: a repeat finds the grant, an unlock
 * releases it. After that another gets the lock.
 */
export async function giveUp({ two, longTtlMs, until }: Space, client: Client, request: LockRequest): Promise<void> {
  const next = attemptOf('after', longTtlMs, { name: request.name });
  const grant = await until('another gets the lock that was given up', 5000, async () => {
    const found = await client.lock(request);
    if (found.kind === 'held') await client.unlock(found.grant);
    const outcome = await two.lock(next);
    return outcome.kind === 'held' ? outcome.grant : undefined;
  });
  await two.unlock(grant);
}

/** Whether an error says that nothing was done; anything that is no error of the library knows nothing. */
export const saysUndone = (error: unknown): boolean => isClusterError(error) && !error.outcomeUnknown;

/** Fails when a call said that it had done nothing, and it had. */
export function requireHonest(what: string, error: unknown, done: boolean): void {
  if (done && saysUndone(error)) broken(`${what} had taken effect, and its error says outcomeUnknown: false`, error);
}

/** What became of a call that may fail. */
export type Tried<T> = { readonly answer: T } | { readonly error: unknown };

export async function tried<T>(work: Promise<T>): Promise<Tried<T>> {
  return work.then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );
}
