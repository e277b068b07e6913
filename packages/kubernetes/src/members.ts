import type { MemberList, RegisterOutcome, RegisterRequest, Registration } from '@autocluster/core/backend';
import type { Exchange } from './exchange.js';

/** Where members come from: Leases that they keep, or pods that the platform lists. */
export interface Members {
  register(exchange: Exchange, request: RegisterRequest): Promise<RegisterOutcome>;
  unregister(exchange: Exchange, registration: Registration): Promise<void>;
  list(exchange: Exchange): Promise<MemberList>;
  /** Follows members and record from the last list on until that breaks, and rings whenever something means a change. */
  follow(exchange: Exchange, ring: () => void): Promise<void>;
}
