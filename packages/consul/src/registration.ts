import {
  isClusterError,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
} from '@autocluster/core/backend';
import { claimAnew, disclaim, entryOf, mark, renewClaim } from './claim.js';
import { afterWrite } from './errors.js';
import type { Exchange } from './exchange.js';
import type { Services } from './services.js';
import type { Store } from './store.js';

/** Where a member is: its entry decides, its service shows it to others. */
export interface Place {
  readonly store: Store;
  readonly services: Services;
}

/** Makes an entry and its service, or renews those of `request.held`, which writes nothing when nothing changed. */
export async function register(place: Place, exchange: Exchange, request: RegisterRequest): Promise<RegisterOutcome> {
  const { store, services } = place;
  const { held, node, instance } = request;
  const claim =
    held === undefined
      ? await claimAnew(store, exchange, request)
      : await renewClaim(store, exchange, request, held.ref);
  if (claim.kind === 'conflict') {
    if (held !== undefined) await store.client.tidy(exchange, (apart) => services.withdraw(apart, node, instance));
    return claim;
  }
  const { session, order, seen } = claim;
  const entry = entryOf(request, session.ttlMs);
  try {
    await mark(store, exchange, claim);
    // Only now, since the checks are those of whoever has the name.
    await services.keep(exchange, entry);
  } catch (error) {
    throw afterWrite(error);
  }
  const registration = { ...entry, order, ref: session.id, ttlMs: session.ttlMs };
  return { kind: 'registered', registration, record: seen.record };
}

/** The service goes first, so that nobody is sent to a member that is not listed any more. */
export async function unregister(place: Place, exchange: Exchange, registration: Registration): Promise<void> {
  const { store, services } = place;
  const { node, instance } = registration;
  try {
    await services.withdraw(exchange, node, instance);
  } catch (error) {
    // Of two failures the first says why: the second may only have found that no time was left.
    const mayBeGone = await disclaim(store, exchange, registration).then(
      () => true,
      (later: unknown) => isClusterError(later) && later.outcomeUnknown,
    );
    throw mayBeGone ? afterWrite(error) : error;
  }
  await disclaim(store, exchange, registration);
}
