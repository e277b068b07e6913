/**
 * The contract of a backend, sentence by sentence. Each names its cases; one that no program can ask from outside says
 * why.
 */
export const CONTRACT = {
  'binding.cluster': ['Binding', 'A backend is bound to one cluster at construction, and says which.'],
  'binding.manifest': ['Binding', 'Its manifest is a constant that tells the truth.'],
  'binding.options': ['Binding', 'An option that cannot be used throws INVALID_OPTION and names itself.'],
  'binding.closed': ['Binding', 'After close() every verb rejects CLOSED.'],
  'binding.exit': ['Binding', 'After close() the process can exit.'],
  'time.bounded': ['Time', 'Every call settles within timeoutMs plus 1 s, by any outcome.'],
  'time.clock': ['Time', 'Time is read only through the clock of the call; nothing depends on wall time.'],
  'time.retries': ['Time', 'Only reads are repeated by the backend; register, unregister, lock and unlock never are.'],
  'time.wait': ['Time', 'What must wait is told by retryAfterMs: no attempt before it can succeed.'],
  'register.idempotent': ['Register', 'register is idempotent per node and instance.'],
  'register.ttl': ['Register', 'Each call restarts the TTL; an entry ends with it.'],
  'register.granted': ['Register', 'The granted TTL counts, not the asked one.'],
  'register.content': ['Register', 'A list shows of an entry exactly what was registered.'],
  'register.order': ['Register', 'Where entries are ordered, all nodes agree on the order of creation.'],
  'register.renew': ['Register', 'With held it proves the own key: gone or different, it is written again.'],
  'register.conflict': ['Register', 'Another live instance of the name is a conflict.'],
  'register.record': ['Register', 'It answers the record, also when it renews.'],
  'register.visible': ['Register', 'A list that begins after register resolved shows the entry.'],
  'register.platform': ['Register', "On a platform, register writes nothing and answers the platform's entry."],
  'unregister.exact': ['Register', "unregister removes exactly this registration; a newer instance's stays."],
  'list.together': ['List', 'Members first, record second: no list shows a member of a record that it lacks.'],
  'list.empty': ['List', 'An empty namespace is an empty complete list.'],
  'list.failed': ['List', 'A list that could not be read throws or says that it is incomplete; it is never empty.'],
  'list.skipped': ['List', 'Entries that cannot be read are skipped and named, and hide nobody else.'],
  'list.unreadable': ['List', 'An unreadable record is unreadable, never absent.'],
  'list.revision': ['List', 'The revision never goes back inside one identity of the store.'],
  'lock.exclusive': ['Lock', 'A lock has one holder at a time.'],
  'lock.attempt': ['Lock', 'A repeat of an attempt answers the same grant, and extends it in that exchange.'],
  'lock.owner': ['Lock', 'The same instance with another attempt is busy.'],
  'lock.busy': ['Lock', 'Busy leaves nothing behind in the store.'],
  'lock.renew': ['Lock', "A renewal checks the lock's own key: gone or foreign, it is lost."],
  'lock.ttl': ['Lock', 'A lock whose holder is silent ends within the bounds of the manifest, and not before.'],
  'lock.leases': ['Lock', 'Lock and registration never share a lease.'],
  'lock.token': ['Lock', 'Tokens only grow: across holders, expiry, restart of the store and deletion of the key.'],
  'lock.released': ['Lock', 'The released hint starts nothing until it is called, and settles at its signal.'],
  'lock.record': ['Lock', 'A grant of the formation lock carries the record; others do not.'],
  'unlock.exact': ['Unlock', 'It releases exactly this grant, never a newer one.'],
  'unlock.commit': ['Unlock', 'With a record it commits the record in the same conditional write.'],
  'unlock.lost': ['Unlock', 'It answers lost, and writes nothing, when the grant is no longer in force.'],
  'unlock.repeated': ['Unlock', 'A commit that had happened is answered as released.'],
  'unlock.elsewhere': ['Unlock', 'A record under another lock than the formation lock is UNSUPPORTED.'],
  'late.repeat': ['Late successes', 'What an unanswered call has done, a repeat of the call finds.'],
  'late.held': ['Late successes', 'A renewal that was given up is never undone.'],
  'late.undo': ['Late successes', 'What a given-up attempt got can be found and removed, and a new attempt begins.'],
  'late.close': ['Late successes', 'close() is bounded, whatever is under way.'],
  'watch.tells': ['Watch', 'A watch tells of changes.'],
  'watch.ends': ['Watch', 'It ends or throws at any break, at its signal and at close().'],
  'watch.hint': ['Watch', 'Nothing is correct only because of it.'],
  'errors.foreign': ['Errors', 'A failure is thrown; only an error that knows it says that nothing was done.'],
  'errors.hostile': ['Errors', 'Values and names of any kind are kept as they are or refused, and harm nobody else.'],
  'errors.noise': ['Errors', 'An answer that makes no sense is a failure.'],
} as const;

export type Rule = keyof typeof CONTRACT;

/** Sentences about the inside of a backend, or about the core. */
export const NOT_ASKED: Partial<Record<Rule, string>> = {
  'watch.hint': 'about the core: its own tests run without any watch',
};
