import { inspect } from 'node:util';
import { expect } from 'vitest';

/** `refusal`: the error of a construction with these options. */
type Refusal = (options: Readonly<Record<string, unknown>>) => unknown;

/** PEM that is given as base64, as a kubeconfig or a Secret holds it, is refused, and not shown as the name of a file. */
export function refusesEncodedPem(refusal: Refusal, given: Readonly<Record<string, unknown>>, name: string): void {
  const text = Buffer.from('-----BEGIN PRIVATE KEY-----\nnever\n-----END PRIVATE KEY-----').toString('base64');
  const error = refusal({ cluster: 'c', ...given, tls: { cert: '/cert.pem', key: '/key.pem', [name]: text } });
  expect(error).toMatchObject({
    code: 'INVALID_OPTION',
    option: `tls.${name}`,
    allowed: expect.stringContaining('base64'),
  });
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(text.slice(0, 20));
}
