import type { KubernetesClient } from './client.js';
import { CallFailure, isGone } from './errors.js';
import type { Exchange } from './exchange.js';
import { changedLease, fieldsIn, type Lease, type LeaseChange, newLease, readLease, textIn } from './lease.js';
import type { Question } from './resources.js';

/** Kubernetes' own tools ask for so many at once. */
const PAGE = 500;

type Urgency = Pick<Question, 'urgent'>;

/** Somebody else was faster: what the call was conditional on does not hold any more. */
export type OrConflict<T> = T | 'conflict';

/** undefined: there is none. */
export async function findLease(
  client: KubernetesClient,
  exchange: Exchange,
  name: string,
  urgency: Urgency = {},
): Promise<Lease | undefined> {
  const question: Question = { verb: 'get', resource: 'leases', name, ...urgency };
  const { status, body } = await client.ask(exchange, question, [404]);
  return status === 404 ? undefined : readLease(body);
}

export async function createLease(
  client: KubernetesClient,
  exchange: Exchange,
  name: string,
  change: LeaseChange,
): Promise<OrConflict<Lease>> {
  const question: Question = { verb: 'create', resource: 'leases', body: newLease(name, change) };
  const { status, body } = await client.ask(exchange, question, [409]);
  return status === 409 ? 'conflict' : readLease(body);
}

/** Writes exactly this state of exactly this Lease. */
export async function updateLease(
  client: KubernetesClient,
  exchange: Exchange,
  lease: Lease,
  change: LeaseChange,
  urgency: Urgency = {},
): Promise<OrConflict<Lease>> {
  const { name } = lease;
  const question: Question = {
    verb: 'update',
    resource: 'leases',
    name,
    body: changedLease(lease, change),
    ...urgency,
  };
  const { status, body } = await client.ask(exchange, question, [409]);
  return status === 409 ? 'conflict' : readLease(body);
}

/** Removes exactly this state of exactly this Lease. `gone`: it was not there any more. */
export async function removeLease(
  client: KubernetesClient,
  exchange: Exchange,
  { name, uid, resourceVersion }: Lease,
): Promise<OrConflict<'removed' | 'gone'>> {
  const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid, resourceVersion } };
  const question: Question = { verb: 'delete', resource: 'leases', name, body, urgent: true };
  const { status } = await client.ask(exchange, question, [404, 409]);
  return status === 404 ? 'gone' : status === 409 ? 'conflict' : 'removed';
}

export interface Listed {
  readonly items: readonly unknown[];
  readonly resourceVersion: bigint;
}

async function readPages(client: KubernetesClient, exchange: Exchange, question: Question): Promise<Listed> {
  const items: unknown[] = [];
  let next = '';
  for (;;) {
    const query = { ...question.query, limit: String(PAGE), ...(next === '' ? {} : { continue: next }) };
    const { body } = await client.ask(exchange, { ...question, query });
    const { items: page, metadata } = fieldsIn(body);
    const { resourceVersion, continue: more } = fieldsIn(metadata);
    if (!Array.isArray(page) || !/^\d+$/.test(textIn(resourceVersion)))
      throw new CallFailure('failed', 'the answer is no list');
    items.push(...page);
    next = textIn(more);
    // All pages show the moment of the first one.
    if (next === '') return { items, resourceVersion: BigInt(textIn(resourceVersion)) };
  }
}

/** The newest state, whole, and of one moment. A page that has expired meanwhile means starting anew, once. */
export async function listAll(client: KubernetesClient, exchange: Exchange, question: Question): Promise<Listed> {
  try {
    return await readPages(client, exchange, question);
  } catch (error) {
    if (!isGone(error)) throw error;
    return readPages(client, exchange, question);
  }
}
