import { describe, expect, it } from 'vitest';
import { troubleOfAnswer, troubleOfCause } from '../src/errors.js';

describe('consul: what an answer that is not a success means', () => {
  it.each([
    // Seen from a server whose leader had just been killed.
    [500, 'rpc error making call: write tcp 127.0.0.1:38593->127.0.0.1:19096: write: broken pipe', 'store-timeout'],
    [500, 'rpc error making call: EOF', 'store-timeout'],
    [
      500,
      'rpc error getting client: failed to get conn: dial tcp 127.0.0.1:0->127.0.0.1:19096: connect: connection refused',
      'store-timeout',
    ],
    [500, 'No cluster leader', 'no-leader'],
    [500, 'rpc error making call: Permission denied: token with AccessorID lacks permission', 'forbidden'],
    [403, 'ACL not found', 'token'],
    [429, 'Your IP is issuing too many concurrent connections', 'overloaded'],
    [429, 'rate limit exceeded for operation that can only be performed by the leader', 'overloaded'],
    [503, 'rate limit exceeded, try again later or against a different server', 'overloaded'],
    // What stands before an agent has passed the request on, or has not.
    [502, '<html>502 Bad Gateway</html>', 'dropped'],
    [503, 'upstream connect error or disconnect/reset before headers. reset reason: connection termination', 'dropped'],
    [503, 'The server is temporarily unable to service your request. Please try again later.', 'dropped'],
    [504, 'upstream request timeout', 'dropped'],
    [500, 'something that nobody has written down', 'failed'],
  ])('%i %s: %s', (status, text, trouble) => {
    expect(troubleOfAnswer(status, text)).toBe(trouble);
  });
});

describe('consul: what a request that got no answer means', () => {
  it.each([
    ['ECONNREFUSED', false, 'not-connected'],
    ['EHOSTUNREACH', false, 'not-connected'],
    // What a connection that stood ends with when the way to the agent is gone.
    ['EHOSTUNREACH', true, 'dropped'],
    ['ENETUNREACH', true, 'dropped'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', false, 'tls'],
    ['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', true, 'dropped'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', true, 'tls'],
  ])('%s, sent: %s: %s', (code, sent, trouble) => {
    expect(troubleOfCause(code, sent)).toBe(trouble);
  });
});
