import type { LocalIdentity, Membership, NodeHealth } from '../driver/index.js';
import { type Asked, booleanOf, fieldsOf, identityOf, listOf, nameOf, oneOf, recordOf, wrong } from './check-value.js';

const KINDS = ['blank', 'unnamed', 'provisional', 'committed'] as const;

function localIdentityOf(asked: Asked, value: unknown, at: string): LocalIdentity {
  const fields = fieldsOf(asked, value, at);
  const kind = oneOf(asked, fields['kind'], KINDS, `${at}.kind`);
  if (kind === 'blank') return Object.freeze({ kind });
  if (kind === 'unnamed') {
    return Object.freeze({
      kind,
      interruptedJoin: booleanOf(asked, fields['interruptedJoin'], `${at}.interruptedJoin`),
    });
  }
  return Object.freeze({ kind, ...identityOf(asked, value, at) });
}

function namesOf(asked: Asked, value: unknown, at: string): readonly string[] {
  return Object.freeze(listOf(asked, value, at).map((each) => nameOf(asked, each, `${at}[…]`)));
}

export function checkMembership(asked: Asked, value: unknown, at: string): Membership {
  const fields = fieldsOf(asked, value, at);
  const partitions = listOf(asked, fields['partitions'], `${at}.partitions`);
  const { kept } = fields;
  return Object.freeze({
    identity: localIdentityOf(asked, fields['identity'], `${at}.identity`),
    members: namesOf(asked, fields['members'], `${at}.members`),
    running: namesOf(asked, fields['running'], `${at}.running`),
    partitions: Object.freeze(partitions.map((each) => namesOf(asked, each, `${at}.partitions[…]`))),
    ...(kept === undefined ? {} : { kept: recordOf(asked, kept, `${at}.kept`) }),
  });
}

export function checkHealth(asked: Asked, value: unknown): NodeHealth {
  const fields = fieldsOf(asked, value, 'the answer');
  const { detail, view } = fields;
  return Object.freeze({
    status: oneOf(asked, fields['status'], ['up', 'down', 'unknown'], 'status'),
    ready: booleanOf(asked, fields['ready'], 'ready'),
    detail: typeof detail === 'string' ? detail : wrong(asked, 'detail', 'a text'),
    view: view === undefined ? undefined : checkMembership(asked, view, 'view'),
  });
}
