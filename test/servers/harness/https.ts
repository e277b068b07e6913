import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { KeyPair } from './certificates.ts';

export interface HttpsRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly caFile: string;
  readonly pair?: KeyPair;
  readonly signal?: AbortSignal;
}

export interface HttpsResponse {
  readonly status: number;
  readonly text: string;
}

/** Node's fetch cannot be given an authority for one call. */
export function httpsRequest(url: string, wanted: HttpsRequest): Promise<HttpsResponse> {
  const { method = 'GET', headers = {}, body = '', caFile, pair, signal } = wanted;
  const keys = pair ? { cert: readFileSync(pair.certFile), key: readFileSync(pair.keyFile) } : {};
  const agent = new Agent({ ca: readFileSync(caFile), keepAlive: false, ...keys });
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, agent, ...(signal ? { signal } : {}) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.once('error', reject);
    call.end(body);
  });
}
