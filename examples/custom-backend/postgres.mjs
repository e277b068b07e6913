// A store for autocluster on PostgreSQL. The steps by which it came about are in AUTHORING.md of the kit.
import { addAbortListener, setMaxListeners } from 'node:events';
import {
  ClusterError,
  decodeEntry,
  decodeRecord,
  encodeEntry,
  encodeRecord,
  FORMATION_LOCK,
  isClusterError,
  requireKnown,
  requireName,
  requireText,
} from '@autocluster/core/backend';
import pg from 'pg';

/** @import { Backend, StoredRecord } from '@autocluster/core/backend' */

const TTL = { minMs: 100, maxMs: 86_400_000, stepMs: 1 };

/** Step 1: what this store can do. The kit asks for everything that is claimed here. */
const CAPABILITIES = /** @type {const} */ ({
  registration: 'explicit',
  metadata: true,
  ttl: TTL,
  listConsistency: 'linearizable',
  ordered: true,
  exclusiveNames: true,
  lock: 'fenced',
  record: 'atomic',
  takeover: { earliest: { timesTtl: 1, plusMs: 0 }, latest: { timesTtl: 1, plusMs: 0 } },
  watch: false,
});

/**
 * Step 2: where things are. One row for each cluster counts its changes and is never deleted: orders and tokens come from
 * it, and it makes the writers of one cluster wait for one another. The row without a name holds the store's identity.
 */
const TABLES = `
  SELECT pg_advisory_xact_lock(7031864);
  CREATE TABLE IF NOT EXISTS autocluster (name text PRIMARY KEY, revision bigint NOT NULL DEFAULT 1, record text);
  CREATE TABLE IF NOT EXISTS autocluster_member (cluster text, node text, instance text NOT NULL, entry text NOT NULL,
    created bigint NOT NULL, ends timestamptz NOT NULL, PRIMARY KEY (cluster, node));
  CREATE TABLE IF NOT EXISTS autocluster_lock (cluster text, name text, node text NOT NULL, instance text NOT NULL,
    attempt text NOT NULL, token bigint NOT NULL, ends timestamptz NOT NULL, PRIMARY KEY (cluster, name));
  INSERT INTO autocluster (name, record) VALUES ('', gen_random_uuid()) ON CONFLICT DO NOTHING`;

// Each verb is one statement: it is done or not, whatever becomes of us. Expiry is judged by the server's clock alone.
const COUNT = `counted AS (INSERT INTO autocluster AS c (name) VALUES ($1)
  ON CONFLICT (name) DO UPDATE SET revision = c.revision + 1 RETURNING revision, record)`;
const LIST = `SELECT c.revision, c.record, s.record AS store, m.node, m.instance, m.entry, m.created
  FROM autocluster s LEFT JOIN autocluster c ON c.name = $1
  LEFT JOIN autocluster_member m ON m.cluster = $1 AND m.ends > clock_timestamp() WHERE s.name = ''`;
const REGISTER = `WITH ${COUNT}, swept AS (
    DELETE FROM autocluster_member WHERE cluster = $1 AND node <> $2 AND ends < clock_timestamp() - interval '1 hour'
  ), mine AS (
    INSERT INTO autocluster_member AS m (cluster, node, instance, entry, created, ends)
    SELECT $1, $2, $3, $4, revision, clock_timestamp() + $5 * interval '1 ms' FROM counted
    ON CONFLICT (cluster, node) DO UPDATE SET instance = excluded.instance, entry = excluded.entry, ends = excluded.ends,
      created = CASE WHEN m.instance = excluded.instance THEN m.created ELSE excluded.created END
    WHERE m.instance = excluded.instance OR m.ends <= clock_timestamp() RETURNING created
  ) SELECT counted.record, mine.created,
    (SELECT instance FROM autocluster_member WHERE cluster = $1 AND node = $2) AS other
  FROM counted LEFT JOIN mine ON true`;
const UNREGISTER = `WITH ${COUNT} DELETE FROM autocluster_member USING counted
  WHERE cluster = $1 AND node = $2 AND instance = $3`;
const LOCK = `WITH ${COUNT}, mine AS (
    INSERT INTO autocluster_lock AS l (cluster, name, node, instance, attempt, token, ends)
    SELECT $1, $2, $3, $4, $5, revision, clock_timestamp() + $6 * interval '1 ms' FROM counted
    ON CONFLICT (cluster, name) DO UPDATE SET node = excluded.node, instance = excluded.instance,
      attempt = excluded.attempt, ends = excluded.ends, token = CASE
        WHEN l.instance = excluded.instance AND l.attempt = excluded.attempt THEN l.token ELSE excluded.token END
    WHERE (l.instance = excluded.instance AND l.attempt = excluded.attempt) OR l.ends <= clock_timestamp()
    RETURNING token
  ) SELECT counted.record, mine.token,
    (SELECT node FROM autocluster_lock WHERE cluster = $1 AND name = $2) AS holder
  FROM counted LEFT JOIN mine ON true`;
const IN_FORCE = 'cluster = $1 AND name = $2 AND attempt = $3 AND token = $4 AND ends > clock_timestamp()';
const RENEW = `WITH mine AS (
    UPDATE autocluster_lock SET ends = clock_timestamp() + $5 * interval '1 ms' WHERE ${IN_FORCE} RETURNING token
  ) SELECT token, (SELECT record FROM autocluster WHERE name = $1) AS record FROM mine`;
const UNLOCK = `DELETE FROM autocluster_lock WHERE ${IN_FORCE} RETURNING token`;
// The cluster's row first, as everywhere, so that no two statements wait for each other.
const COMMIT = `WITH counted AS (SELECT 1 FROM autocluster WHERE name = $1 FOR UPDATE), mine AS (
    DELETE FROM autocluster_lock USING counted WHERE ${IN_FORCE} RETURNING token
  ) UPDATE autocluster c SET record = $5, revision = revision + 1 FROM mine WHERE c.name = $1 RETURNING mine.token`;
const RECORD = 'SELECT record FROM autocluster WHERE name = $1';

/** Step 3: names for what goes wrong; everything else is STORE_FAILED by the core. */
const REFUSED = 'STORE_UNAUTHENTICATED';
const CODES = { 28000: REFUSED, '28P01': REFUSED, 42501: 'STORE_FORBIDDEN', 53100: 'STORE_FULL' };

function named(error, operation, sent) {
  if (isClusterError(error)) return error;
  const code = CODES[error?.code] ?? (/^\d/.test(error?.code ?? '') ? 'STORE_FAILED' : 'STORE_UNREACHABLE');
  return new ClusterError(code, `${operation}: ${error?.message}`, { operation, outcomeUnknown: sent, cause: error });
}

/** @returns {StoredRecord} */
const recordOf = (text) => (text === null || text === undefined ? { kind: 'absent' } : decodeRecord(text));

const ignored = () => undefined;
const grantedMs = (asked) => Math.min(TTL.maxMs, Math.max(TTL.minMs, Math.ceil(asked)));

const grantOf = ({ name, attempt }, token, ttlMs, record) => {
  const kept = name === FORMATION_LOCK ? recordOf(record) : undefined;
  return { name, attempt, token: BigInt(token), ttlMs, ref: token, record: kept };
};

/** The connections of one backend. */
function connect(cluster, url) {
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 4000 });
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  let ready;
  let closed;
  // A connection that breaks while nobody uses it is replaced at the next call.
  pool.on('error', ignored);

  /** Once for all calls, and again after a failure. */
  function made() {
    ready ??= pool.query({ text: TABLES, query_timeout: 10_000 }).catch((error) => {
      ready = undefined;
      throw error;
    });
    return ready;
  }

  async function query(over, statement, values, sending) {
    await made();
    const client = await pool.connect();
    client.on('error', ignored);
    // An answer that nobody waits for must not reach the next one who uses this connection.
    const listening = addAbortListener(over, () => void client.end().catch(ignored));
    let broken = true;
    try {
      over.throwIfAborted();
      sending();
      const { rows } = await client.query(statement, values);
      broken = false;
      return rows;
    } finally {
      listening[Symbol.dispose]();
      if (!broken) client.off('error', ignored);
      client.release(broken);
    }
  }

  /** Step 4: one call, which ends with its signal and with close(), and knows whether it may have taken effect. */
  async function ask(operation, { signal }, statement, ...values) {
    const over = AbortSignal.any([signal, closing.signal]);
    let sent = false;
    const givenUp = () => {
      const code = isClusterError(over.reason) ? over.reason.code : 'ABORTED';
      const facts = { operation, outcomeUnknown: sent, cause: over.reason };
      return new ClusterError(code, `${operation} was given up`, facts);
    };
    if (over.aborted) throw givenUp();
    let listening;
    const end = new Promise((_, reject) => {
      listening = addAbortListener(over, () => reject(givenUp()));
    });
    try {
      return await Promise.race([query(over, statement, [cluster, ...values], () => (sent = true)), end]);
    } catch (error) {
      throw named(error, operation, sent);
    } finally {
      listening[Symbol.dispose]();
    }
  }

  function close() {
    closing.abort(new ClusterError('CLOSED', 'the store was closed'));
    return (closed ??= pool.end());
  }
  return { ask, close };
}

/**
 * A cluster's members, locks and record in PostgreSQL 13 or later.
 *
 * @param {{ cluster: string, url: string }} options
 * @returns {Backend}
 */
export function postgres(options) {
  requireKnown(options, ['cluster', 'url'], 'postgres()');
  const cluster = requireName('cluster', options.cluster);
  const { ask, close } = connect(cluster, requireText('url', options.url));
  return {
    name: 'postgres',
    spi: 1,
    cluster,
    capabilities: CAPABILITIES,
    async register({ node, instance, state, identity, recordVersion, metadata, ttlMs: asked }, call) {
      const ttlMs = grantedMs(asked);
      const entry = { node, instance, state, identity, recordVersion, metadata };
      const [row] = await ask('register', call, REGISTER, node, instance, encodeEntry({ ...entry, ttlMs }), ttlMs);
      if (row.created === null) return { kind: 'conflict', instance: row.other ?? undefined };
      const registration = { ...entry, order: BigInt(row.created), ref: row.created, ttlMs };
      return { kind: 'registered', registration, record: recordOf(row.record) };
    },
    async unregister({ node, instance }, call) {
      await ask('unregister', call, UNREGISTER, node, instance);
    },
    async list(call) {
      const rows = await ask('list', call, LIST);
      const members = [];
      const skipped = [];
      for (const { node, instance, entry: text, created } of rows.filter((row) => row.node !== null)) {
        const { kind, entry, reason } = decodeEntry(text);
        if (kind === 'unreadable') skipped.push({ key: node, reason });
        else if (entry.node !== node) skipped.push({ key: node, reason: 'it names another node than its row' });
        else members.push({ ...entry, instance, order: BigInt(created), ref: created, ttlMs: undefined });
      }
      const [{ revision, record, store }] = rows;
      const where = { revision: BigInt(revision ?? 0), store };
      return { members, record: recordOf(record), complete: true, skipped, ...where };
    },
    async lock(request, call) {
      const { name, node, instance, attempt, held } = request;
      const ttlMs = grantedMs(request.ttlMs);
      if (held !== undefined) {
        const [mine] = await ask('lock', call, RENEW, name, held.attempt, held.token, ttlMs);
        if (mine === undefined) return { kind: 'lost' };
        return { kind: 'held', grant: grantOf(held, mine.token, ttlMs, mine.record) };
      }
      const [row] = await ask('lock', call, LOCK, name, node, instance, attempt, ttlMs);
      if (row.token === null) return { kind: 'busy', holder: row.holder ?? undefined };
      return { kind: 'held', grant: grantOf(request, row.token, ttlMs, row.record) };
    },
    async unlock({ name, attempt, token }, { record, ...call }) {
      if (record === undefined) {
        const ended = await ask('unlock', call, UNLOCK, name, attempt, token);
        return { kind: ended.length > 0 ? 'released' : 'lost' };
      }
      if (name !== FORMATION_LOCK) {
        throw new ClusterError('UNSUPPORTED', `no record is committed under ${name}`, { operation: 'unlock' });
      }
      const done = await ask('unlock', call, COMMIT, name, attempt, token, encodeRecord(record));
      if (done.length > 0) return { kind: 'released' };
      // Perhaps an earlier call of this commit succeeded, and its answer was lost.
      const [row] = await ask('unlock', call, RECORD);
      const stored = recordOf(row?.record);
      const isOurs = (each) => stored.kind === 'present' && stored.record[each] === record[each];
      return { kind: ['clusterId', 'generation', 'token'].every(isOurs) ? 'released' : 'lost' };
    },
    close,
  };
}
