import { garbled, isObject, jsonOf, type KeyValue, keyValueOf } from './answers.js';
import { CallFailure, troubleOfAnswer } from './errors.js';
import type { Reply } from './transport.js';

/** One step of a transaction, all of which happen or none. */
export type Step =
  | { readonly verb: 'get'; readonly key: string }
  | { readonly verb: 'set' | 'create'; readonly key: string; readonly value: string }
  | { readonly verb: 'lock' | 'unlock'; readonly key: string; readonly value: string; readonly session: string }
  | { readonly verb: 'check-session'; readonly key: string; readonly session: string }
  | { readonly verb: 'check-index' | 'delete-cas'; readonly key: string; readonly index: bigint };

export type TransactionReply =
  | { readonly kind: 'done'; readonly entry: (key: string) => KeyValue | undefined }
  | { readonly kind: 'refused'; readonly reason: string };

/** By which `consul lock` knows its keys. JavaScript's numbers are too short for it, so it goes into the text as it is. */
const LOCK_FLAGS = '3304740253564472344';

/** Our names for what Consul calls otherwise. */
const VERBS: Readonly<Record<string, string>> = { get: 'get-or-empty', create: 'cas' };
const READING = new Set(['get', 'check-session', 'check-index']);

export const isWrite = (steps: readonly Step[]): boolean => steps.some(({ verb }) => !READING.has(verb));

function operationOf(step: Step, scope: Readonly<Record<string, string>>): string {
  const { verb, key } = step;
  const text = JSON.stringify({
    Verb: VERBS[verb] ?? verb,
    Key: key,
    ...scope,
    ...('value' in step ? { Value: Buffer.from(step.value).toString('base64') } : {}),
    ...('session' in step ? { Session: step.session } : {}),
    ...('index' in step ? { Index: Number(step.index) } : {}),
    ...(verb === 'create' ? { Index: 0 } : {}),
  });
  // An unlock that leaves them out sets them to 0, and `consul lock` then refuses the key.
  const flagged = verb === 'lock' || verb === 'unlock' ? `${text.slice(0, -1)},"Flags":${LOCK_FLAGS}}` : text;
  return `{"KV":${flagged}}`;
}

/** `scope`: namespace and partition of every key. */
export const transactionText = (steps: readonly Step[], scope: Readonly<Record<string, string>>): string =>
  `[${steps.map((step) => operationOf(step, scope)).join(',')}]`;

export const isRefusal = ({ status }: Reply): boolean => status === 409;

function refusalOf({ agent, status }: Reply, errors: readonly unknown[]): TransactionReply {
  const reason = errors.map((each) => (isObject(each) ? String(each['What']) : '')).join('; ');
  // Refused for another reason than the state of the keys.
  if (reason.includes('Permission denied')) throw new CallFailure(troubleOfAnswer(status, reason), reason, agent);
  return { kind: 'refused', reason };
}

export function transactionReplyOf(reply: Reply): TransactionReply {
  const fields = jsonOf(reply);
  if (!isObject(fields)) throw garbled(reply, 'the outcome of a transaction');
  const { Results: results, Errors: errors } = fields;
  if (reply.status !== 200) {
    if (!Array.isArray(errors)) throw garbled(reply, 'the reason of a refusal');
    return refusalOf(reply, errors);
  }
  if (!Array.isArray(results)) throw garbled(reply, 'the results of a transaction');
  const entries = results.map((each) => keyValueOf(reply, isObject(each) ? each['KV'] : undefined));
  return { kind: 'done', entry: (key) => entries.find((each) => each.key === key && each.createIndex > 0n) };
}
