import type { RegisterOutcome, RegisterRequest, Registration } from '../backend/index.js';
import { orLate } from '../runtime/index.js';
import { type AttemptKey, Attempts } from './attempts.js';
import { checkRegistered } from './check-answer.js';
import { ask, type Guard, requireOpen } from './guard-call.js';
import type { GuardCall, GuardedBackend } from './guarded-backend.js';
import { afterUndo, GRACE_MS } from './undo.js';

type RegistrationVerbs = Pick<GuardedBackend, 'register' | 'giveUpRegistration' | 'unregister'>;

const keyOf = ({ node, instance }: Pick<Registration, 'node' | 'instance'>): AttemptKey => ({
  place: node,
  id: instance,
});
const madeBy = (outcome: RegisterOutcome): Registration | undefined =>
  outcome.kind === 'registered' ? outcome.registration : undefined;

function exchangeRegister(guard: Guard, request: RegisterRequest, call?: GuardCall, isUndo = false) {
  const source = guard.manifest.capabilities.registration;
  return ask(guard, {
    verb: 'register',
    call,
    isUndo,
    start: (options) => guard.backend.register(request, options),
    check: (asked, answer) => checkRegistered(asked, request, source, answer),
  });
}

function exchangeUnregister(guard: Guard, registration: Registration, call?: GuardCall, isUndo = false) {
  return ask(guard, {
    verb: 'unregister',
    call,
    isUndo,
    start: (options) => guard.backend.unregister(registration, options),
    check: () => undefined,
  });
}

/** The verbs about registrations. On platforms nothing is written, hence nothing is ever undone. */
export function guardRegistration(guard: Guard): RegistrationVerbs & { readonly attempts: Attempts<Registration> } {
  const { runtime } = guard;
  const isPlatform = guard.manifest.capabilities.registration === 'platform';
  const attempts = new Attempts<Registration>({
    runtime,
    settleMs: GRACE_MS + guard.callTimeoutMs,
    undo: (registration) => exchangeUnregister(guard, registration, undefined, true).delivered,
    // An entry that was withdrawn must not come back, not even as the one that was delivered before.
    same: () => false,
  });

  function begin(request: RegisterRequest, call: GuardCall | undefined): Promise<RegisterOutcome> {
    requireOpen(guard, 'register', call);
    if (isPlatform) return exchangeRegister(guard, request, call).delivered;
    return attempts.run(keyOf(request), {
      start: () => exchangeRegister(guard, request, call),
      thingOf: madeBy,
      repeat: () => exchangeRegister(guard, request, undefined, true),
      renewed: request.held,
    });
  }

  return {
    attempts,
    async register(request, call) {
      requireOpen(guard, 'register', call);
      const waiting =
        request.held === undefined ? afterUndo(guard, 'register', attempts, keyOf(request), call) : undefined;
      return begin(request, waiting === undefined ? call : await waiting);
    },
    giveUpRegistration: (node, instance) => attempts.giveUp(keyOf({ node, instance })),
    async unregister(registration, call) {
      requireOpen(guard, 'unregister', call);
      const ended = attempts.finish(keyOf(registration));
      if (ended !== undefined) await orLate(runtime, ended, GRACE_MS);
      await exchangeUnregister(guard, registration, call).delivered;
    },
  };
}
