/**
 * Every reason for which an operation of this library fails. The codes are a stable interface; the texts are not.
 *
 * | code | when | what now |
 * |---|---|---|
 * | `INVALID_OPTION` | an option, or two options together, cannot be used | correct the option that the error names |
 * | `SPI_MISMATCH` | a backend or driver was written for another version of the interface | install matching versions |
 * | `BACKEND_CONTRACT` | a backend or driver answered something that its contract does not allow | report it to its author |
 * | `UNSUPPORTED` | the store or driver cannot do what was asked | choose another store or setting |
 * | `ABORTED` | the caller's signal was aborted | nothing: it was asked for |
 * | `TIMEOUT` | no answer within the time limit; the outcome may be unknown | try again, or raise the limit |
 * | `CLOSED` | the backend or node was closed before | make a new one |
 * | `STORE_UNREACHABLE` | no connection to the store | check address, network and store |
 * | `STORE_UNAUTHENTICATED` | the store refused the credentials | correct user, password, token or certificate |
 * | `STORE_FORBIDDEN` | the credentials lack a permission, which the error names | grant it |
 * | `STORE_TLS` | no trusted connection: wrong authority, expired or missing certificate | correct the certificate that the error names |
 * | `STORE_FULL` | the store or its disk has no room for a write | free space |
 * | `STORE_FAILED` | the store failed in a way that has no better name | read the cause |
 * | `RECORD_UNREADABLE` | the cluster record exists and cannot be understood | upgrade, or repair the record |
 * | `NAME_HELD` | another live instance holds this node's name | stop it, or use another name |
 * | `LOCK_NOT_ACQUIRED` | somebody else held the lock for the whole wait | wait longer, or ask the holder |
 * | `LOCK_LOST` | the lock ended while it was in use | the guarded work must stop |
 * | `LOCK_UNVERIFIED` | this process was suspended: the lock may have passed to another | call `verify()` |
 * | `CLUSTER_MISMATCH` | this node's data belongs to another cluster | check the cluster name; nothing was changed |
 * | `SEED_SUPERSEDED` | another node committed the cluster first; in the event `record.superseded` | nothing: the node joins that one |
 * | `LOCAL_DATA` | the daemon has data of a cluster that the store does not know | choose `onLocalData` |
 * | `EVICTED` | the cluster has removed this node | see `onEvicted` |
 * | `FORMATION_TIMEOUT` | no cluster within `formationTimeoutMs` | the last wait reason tells why |
 * | `WORK_STUCK` | the daemon did not finish, nor stop when asked to | look at the daemon |
 * | `DRIVER_FAILED` | the daemon reported a failure | read the cause |
 * | `PLAN_OUTDATED` | the cluster changed since the cleanup plan was read | ask for the plan again |
 */
export const ERROR_CODES = [
  'INVALID_OPTION',
  'SPI_MISMATCH',
  'BACKEND_CONTRACT',
  'UNSUPPORTED',
  'ABORTED',
  'TIMEOUT',
  'CLOSED',
  'STORE_UNREACHABLE',
  'STORE_UNAUTHENTICATED',
  'STORE_FORBIDDEN',
  'STORE_TLS',
  'STORE_FULL',
  'STORE_FAILED',
  'RECORD_UNREADABLE',
  'NAME_HELD',
  'LOCK_NOT_ACQUIRED',
  'LOCK_LOST',
  'LOCK_UNVERIFIED',
  'CLUSTER_MISMATCH',
  'SEED_SUPERSEDED',
  'LOCAL_DATA',
  'EVICTED',
  'FORMATION_TIMEOUT',
  'WORK_STUCK',
  'DRIVER_FAILED',
  'PLAN_OUTDATED',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];
