import {
  type ClusterRecord,
  FORMATION_LOCK,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type MemberList,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
} from '@autocluster/core/backend';
import { systemRuntime } from '@autocluster/core/runtime';
import { broken } from '../errors.js';
import type { Ask, Client } from './client.js';

export const unique = (): string => systemRuntime.uniqueId();

export function entryOf(node: string, ttlMs: number, changes: Partial<RegisterRequest> = {}): RegisterRequest {
  const unnamed = { identity: undefined, recordVersion: undefined, metadata: {} };
  return { node, instance: `${node}-${unique()}`, state: 'joining', ...unnamed, ttlMs, ...changes };
}

export function attemptOf(node: string, ttlMs: number, changes: Partial<LockRequest> = {}): LockRequest {
  return { name: FORMATION_LOCK, node, instance: `${node}-1`, attempt: unique(), ttlMs, ...changes };
}

export function recordOf(token: bigint, changes: Partial<ClusterRecord> = {}): ClusterRecord {
  const born = { clusterId: unique(), generation: 1, createdBy: 'a', createdAt: '2026-01-01T00:00:00.000Z' };
  return { ...born, token, version: 1, size: 1, idle: false, removed: [], settings: {}, extra: {}, ...changes };
}

type Registered = Extract<RegisterOutcome, { kind: 'registered' }>;

export async function registering(client: Client, request: RegisterRequest, ask?: Ask): Promise<Registered> {
  const outcome = await client.register(request, ask);
  return outcome.kind === 'registered' ? outcome : broken(`register of ${request.node} answered`, outcome);
}

export async function registered(client: Client, request: RegisterRequest, ask?: Ask): Promise<Registration> {
  return (await registering(client, request, ask)).registration;
}

export async function held(client: Client, request: LockRequest, ask?: Ask): Promise<LockGrant> {
  const outcome = await client.lock(request, ask);
  return outcome.kind === 'held' ? outcome.grant : broken(`lock by ${request.node} answered`, outcome);
}

export async function busy(
  client: Client,
  request: LockRequest,
  ask?: Ask,
): Promise<Extract<LockOutcome, { kind: 'busy' }>> {
  const outcome = await client.lock(request, ask);
  return outcome.kind === 'busy' ? outcome : broken(`lock by ${request.node}, who is not alone, answered`, outcome);
}

export async function lost(client: Client, request: LockRequest): Promise<void> {
  const outcome = await client.lock(request);
  if (outcome.kind !== 'lost') broken('a renewal of a lock that is gone answered', outcome);
}

export async function released(client: Client, grant: LockGrant, record?: ClusterRecord): Promise<void> {
  const outcome = await client.unlock(grant, record ? { record } : {});
  if (outcome.kind !== 'released') broken('unlock of a grant in force answered', outcome);
}

export const memberIn = ({ members }: MemberList, node: string): Registration | undefined =>
  members.find((each) => each.node === node);

/** The names that a complete list shows, in order. */
export async function names(client: Client): Promise<readonly string[]> {
  const list = await client.list();
  if (!list.complete) broken('a list without any fault says that it is incomplete', list);
  return list.members.map(({ node }) => node).toSorted();
}

/** What a call was rejected with. */
export async function failureOf(what: string, work: Promise<unknown>): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await work;
  } catch (error) {
    return error;
  }
  return broken(`expected ${what} to reject; it answered`, answer);
}
