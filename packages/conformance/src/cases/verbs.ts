import { isClusterError } from '@autocluster/core/backend';
import { check } from '../errors.js';
import { failureOf } from '../space/request.js';

/** Questions that are asked of several verbs. */
export const verbs = {
  async rejectsClosed(verb: string, work: Promise<unknown>): Promise<void> {
    const error = await failureOf(`${verb} after close()`, work);
    check(isClusterError(error, 'CLOSED'), `${verb} after close() to reject CLOSED; it rejects`, error);
  },
};

/** What an error about an option carries. */
function isInvalidOption(error: unknown): boolean {
  if (!(error instanceof TypeError) && !(error instanceof RangeError)) return false;
  if (!('code' in error) || !('option' in error) || !('allowed' in error)) return false;
  return error.code === 'INVALID_OPTION' && typeof error.option === 'string';
}

export function invalidOption(what: string, construct: () => unknown): void {
  let thrown: unknown;
  try {
    construct();
  } catch (error) {
    thrown = error;
  }
  check(thrown !== undefined, `${what} to be refused at construction`);
  check(isInvalidOption(thrown), `${what} to throw a TypeError or RangeError with INVALID_OPTION`, thrown);
}
