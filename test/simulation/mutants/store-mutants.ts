import { type Mutant, mutant } from './mutant.ts';

const NAMESPACE = 'packages/testing/src/store/namespace.ts';
const COMMIT = 'packages/testing/src/store/commit.ts';
const ANSWERS = 'packages/testing/src/store/answer-faults.ts';
const RECORD = 'packages/core/src/backend/cluster-record.ts';

/** Bugs of a backend. */
export const STORE_MUTANTS: readonly Mutant[] = [
  mutant(
    'store-two-holders',
    'a lock is granted while another one has it',
    NAMESPACE,
    'if (holder || delayMs > 0 ||',
    'if (delayMs > 0 ||',
  ),
  mutant(
    'store-same-grant',
    'two attempts of one instance get the same grant',
    NAMESPACE,
    'holder?.attempt === asHolder.attempt',
    'holder?.instance === asHolder.instance',
  ),
  mutant(
    'store-renews-nothing',
    'a renewal of a lock that is gone is answered with the lock',
    NAMESPACE,
    "if (request.held) return { kind: 'lost' };",
    "if (request.held) return { kind: 'held', lock: { ...request.held, node: request.node, instance: request.instance, expiresAtMs: nowMs }, record: this.record.decoded };",
  ),
  mutant(
    'store-same-token',
    'tokens do not grow',
    NAMESPACE,
    'const token = BigInt(this.#ledger.revision + 1);',
    'const token = 7n;',
  ),
  mutant(
    'store-short-lease',
    'leases end after half of their TTL',
    NAMESPACE,
    'this.#expiresAt(nowMs + this.#ledger.lifetimeMs(ttlMs))',
    'this.#expiresAt(nowMs + this.#ledger.lifetimeMs(ttlMs) / 2)',
  ),
  mutant(
    'store-releases-any',
    'a release does not compare',
    NAMESPACE,
    'if (!holder || !this.isHeld(lock)) return false;',
    'if (!holder) return false;',
  ),
  mutant(
    'store-commits-any',
    'the record is written without comparing the grant',
    COMMIT,
    'if (!holder || !space.isHeld(grant)) return',
    'if (!holder) return',
  ),
  mutant(
    'store-late-lock',
    'a late copy of a request takes a lock that was released',
    NAMESPACE,
    '|| this.#endedAttempts.has(request.attempt)',
    '',
  ),
  mutant(
    'store-forgets-nobody',
    'the entry of a dead process stays',
    NAMESPACE,
    "if ('registration' in entry) this.#expireMember(entry);",
    "if ('registration' in entry) continue;",
  ),
  mutant(
    'store-takes-names',
    'an instance takes the entry of another one that lives',
    NAMESPACE,
    'if (found && found.registration.instance !== request.instance) {',
    "if (found && found.registration.instance === '') {",
  ),
  mutant(
    'store-back-again',
    'a late registration brings back what was removed',
    NAMESPACE,
    'if (sequence <= (this.#unregistered.get(request.instance) ?? -1)) {',
    'if (sequence < -1) {',
  ),
  mutant(
    'store-removes-any',
    'an unregister removes the entry of any instance',
    NAMESPACE,
    'if (found?.registration.instance !== instance) return;',
    'if (!found) return;',
  ),
  mutant(
    'store-drops-fields',
    'fields of a newer version are dropped',
    RECORD,
    '{ ...extra, format: FORMAT,',
    '{ format: FORMAT,',
  ),
  mutant(
    'store-claims-complete',
    'an incomplete list calls itself complete',
    ANSWERS,
    'return { ...list, complete: false, members:',
    'return { ...list, complete: true, members:',
  ),
  mutant(
    'store-unreadable-absent',
    'a record that cannot be read is said to be absent',
    RECORD,
    "  return { kind: 'unreadable', reason };",
    "  return reason === '' ? { kind: 'unreadable', reason } : { kind: 'absent' };",
  ),
];
