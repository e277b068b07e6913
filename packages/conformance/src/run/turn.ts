let last: Promise<unknown> = Promise.resolve();

/**
 * Runs one after another, in the order asked, whatever the outcome of those before: a case that counts what keeps this
 * process alive would count the sockets and servers of a run beside its own.
 */
export function inTurn<T>(run: () => Promise<T>): Promise<T> {
  const mine = last.then(run, run);
  last = mine;
  return mine;
}
