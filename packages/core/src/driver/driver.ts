import type {
  CallOptions,
  ClusterIdentity,
  ClusterRecord,
  InstanceId,
  Member,
  MemberList,
  NodeId,
} from '../backend/index.js';
import type { Membership, NodeHealth } from './membership.js';

export interface DriverCall extends CallOptions {
  /** The latest list, if there was one. */
  readonly list: MemberList | undefined;
}

export interface CreateRequest {
  readonly identity: ClusterIdentity;
  readonly token: bigint | undefined;
}

export interface JoinRequest {
  readonly seed: Member;
  readonly token: bigint | undefined;
  readonly record: ClusterRecord;
}

export interface ForgetRequest {
  readonly node: NodeId;
  readonly instance: InstanceId | undefined;
  readonly token: bigint;
}

/**
 * The daemon that is being clustered. `membership` and `health` never change anything; `create`, `join`, `committed`,
 * `reset`, `leave`, `forget` and `afterForget` are idempotent and stop soon after the signal.
 */
export interface ClusterDriver {
  /** For logs, e.g. `rabbitmq`. */
  readonly name: string;
  readonly spi: 1;
  /** `none`: a restart loses nothing. `durable`: the daemon keeps data, identity and the last record on disk. */
  readonly data: 'none' | 'durable';
  /** `peer`: `health` reports a peer's own view. `registration`: the identity of an entry is its view. */
  readonly views: 'peer' | 'registration';
  /** false: joins happen one at a time, under the formation lock. */
  readonly concurrentJoins: boolean;
  /** The node's stable name; the same at every call. */
  self(): NodeId;
  membership(call: DriverCall): Promise<Membership>;
  health(peer: { readonly node: NodeId; readonly listed: Member | undefined }, call: DriverCall): Promise<NodeHealth>;
  /** Makes a cluster of one. Persists `provisional` with this identity before anything else. */
  create(request: CreateRequest, call: DriverCall): Promise<void>;
  /** Joins the seed's cluster. Persists a mark before it touches data, and verifies the seed's identity before and after. */
  join(request: JoinRequest, call: DriverCall): Promise<void>;
  /** The record names this cluster: keep identity and record with the data. Rejects when the daemon is blank. */
  committed(record: ClusterRecord, call: DriverCall): Promise<void>;
  /** Gone for good: leaves the daemon's cluster gracefully. */
  leave?(call: DriverCall): Promise<void>;
  /** Destroys the local cluster data; the daemon is blank afterwards. */
  reset(call: DriverCall): Promise<void>;
  /** Removes a member that is gone. Rejects when it runs in the cluster's own view. */
  forget(request: ForgetRequest, call: DriverCall): Promise<void>;
  /**
   * What follows a removal and takes long, e.g. to shrink queues. Runs without the formation lock, after `forget`, and may be
   * repeated: by a later tick when it failed, and by every new executor. Not begun for a name that is a member again, nor
   * while cleanup is paused.
   */
  afterForget?(request: ForgetRequest, call: DriverCall): Promise<void>;
}
