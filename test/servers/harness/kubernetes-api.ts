import { createSign } from 'node:crypto';
import { httpsRequest } from './https.ts';

export interface ApiAccess {
  readonly server: string;
  readonly caFile: string;
  readonly adminToken: string;
}

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly token?: string;
  /** The content type of a PATCH; default is a merge patch. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface ApiReply {
  readonly status: number;
  /** The parsed JSON, or the text when it is none. */
  readonly body: unknown;
}

export interface TokenOptions {
  /** The API server gives at least 600 s. */
  readonly expirationSeconds?: number;
  readonly audiences?: readonly string[];
}

const MERGE_PATCH = 'application/merge-patch+json';

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export async function callApi(access: ApiAccess, path: string, call: ApiCall = {}): Promise<ApiReply> {
  const { method = 'GET', body, token = access.adminToken, signal } = call;
  const contentType = call.contentType ?? (method === 'PATCH' ? MERGE_PATCH : 'application/json');
  const { status, text } = await httpsRequest(`${access.server}${path}`, {
    method,
    caFile: access.caFile,
    headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': contentType },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  return { status, body: parse(text) };
}

function tokenIn(body: unknown): string | undefined {
  const status = typeof body === 'object' && body !== null && 'status' in body ? body.status : undefined;
  const token = typeof status === 'object' && status !== null && 'token' in status ? status.token : undefined;
  return typeof token === 'string' ? token : undefined;
}

export async function issueToken(
  access: ApiAccess,
  serviceAccount: string,
  namespace: string,
  { expirationSeconds = 3600, audiences = [] }: TokenOptions,
): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const metadata = { name: serviceAccount };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata };
  const made = await callApi(access, accounts, { method: 'POST', body: account });
  if (made.status !== 201 && made.status !== 409) throw new Error(`ServiceAccount: ${JSON.stringify(made)}`);
  const spec = { expirationSeconds, ...(audiences.length > 0 ? { audiences } : {}) };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const reply = await callApi(access, `${accounts}/${serviceAccount}/token`, { method: 'POST', body });
  const token = tokenIn(reply.body);
  if (token === undefined) throw new Error(`TokenRequest: ${JSON.stringify(reply)}`);
  return token;
}

/** The same token, with another end. The API server still takes it for one minute after that. */
export function endToken(token: string, signingKey: string, endsAtSeconds: number): string {
  const [header = '', claims = ''] = token.split('.');
  const all = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...all, exp: endsAtSeconds })).toString('base64url');
  const signed = `${header}.${changed}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(signingKey, 'base64url')}`;
}
