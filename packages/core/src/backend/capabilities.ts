/** A duration that depends on the TTL in force: `timesTtl · ttl + plusMs`. */
export interface Bound {
  readonly timesTtl: number;
  readonly plusMs: number;
}

/**
 * What a store can do: a constant, declared once and compared with the facts by the conformance kit. The core asks
 * this manifest, never the methods, what it may rely on.
 */
export interface Capabilities {
  /**
   * `explicit` (usual): nodes register themselves. `platform`: the platform knows them already (pods, DNS);
   * `register` writes nothing and answers the platform's entry, whose instance the core adopts.
   */
  readonly registration: 'explicit' | 'platform';
  /**
   * true (usual): registrations carry metadata, state and identity. false: they are names only, and a node's identity is
   * known from its own view alone.
   */
  readonly metadata: boolean;
  /** The TTLs that the store takes, in ms; other values are rounded up to a step. `none`: entries do not expire. */
  readonly ttl: { readonly minMs: number; readonly maxMs: number; readonly stepMs: number } | 'none';
  /** `linearizable` (usual): a list shows every write that was answered before it began. `eventual`: it may be late. */
  readonly listConsistency: 'linearizable' | 'eventual';
  /** true: registrations carry a creation order on which all nodes agree. false: `select: 'oldest'` is refused. */
  readonly ordered: boolean;
  /** true: a second live instance of one node is refused. false: two daemons with one name are not told apart. */
  readonly exclusiveNames: boolean;
  /**
   * `fenced` (usual): every write under the lock is conditional on its token. `advisory`: the lock excludes, but the
   * store does not check it again at the write. `none`: there is no lock, and the core never calls it.
   */
  readonly lock: 'none' | 'advisory' | 'fenced';
  /**
   * Default: false. true: a lock's token is a revision of the store, so that the core refuses a list that is older than the
   * grant under which it acts. false: the two are not compared.
   */
  readonly tokenIsRevision?: boolean;
  /** `atomic` (usual): unlocking and writing the record are one conditional write. `separate`: they are two. */
  readonly record: 'separate' | 'atomic';
  /** How long after the last renewal of a holder that died another can take its lock or its name. */
  readonly takeover: { readonly earliest: Bound; readonly latest: Bound };
  /** true: the store can tell of changes. false: the core lists at intervals. Nothing is correct only because of it. */
  readonly watch: boolean;
  /**
   * true: `watch` also tells of entries that end with their TTL, so that a formed node lists when it is told, and otherwise
   * only at long intervals. false (default): it lists at every refresh as well.
   */
  readonly watchesExpiry?: boolean;
}
