import type {
  ClusterDriver,
  ClusterRecord,
  CreateRequest,
  ForgetRequest,
  JoinRequest,
  Member,
  Membership,
  MemberList,
  NodeHealth,
  NodeId,
} from '../driver/index.js';
import type { GUARDED } from './guarded-backend.js';

export interface DriverGuardCall {
  readonly signal?: AbortSignal | undefined;
  /** The latest list, if there was one. */
  readonly list: MemberList | undefined;
}

/**
 * A driver that can be trusted to settle. Questions (`membership`, `health`) settle at once on abort. Work settles only
 * when the daemon has, or with `WORK_STUCK`: the lock above it must not be released while it may still run.
 */
export interface GuardedDriver {
  readonly [GUARDED]: true;
  readonly name: string;
  readonly data: ClusterDriver['data'];
  readonly views: ClusterDriver['views'];
  readonly concurrentJoins: boolean;
  readonly self: NodeId;
  membership(call: DriverGuardCall): Promise<Membership>;
  /** Never rejects: whatever cannot be asked is `unknown`. */
  health(
    peer: { readonly node: NodeId; readonly listed: Member | undefined },
    call: DriverGuardCall,
  ): Promise<NodeHealth>;
  create(request: CreateRequest, call: DriverGuardCall): Promise<void>;
  join(request: JoinRequest, call: DriverGuardCall): Promise<void>;
  committed(record: ClusterRecord, call: DriverGuardCall): Promise<void>;
  /** Missing when the driver has none. */
  readonly leave?: (call: DriverGuardCall) => Promise<void>;
  reset(call: DriverGuardCall): Promise<void>;
  forget(request: ForgetRequest, call: DriverGuardCall): Promise<void>;
  /** Missing when the driver has none. */
  readonly afterForget?: (request: ForgetRequest, call: DriverGuardCall) => Promise<void>;
}
