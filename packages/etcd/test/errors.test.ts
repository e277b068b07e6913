import { describe, expect, it } from 'vitest';
import { CallFailure, troubleOf } from '../src/errors.js';

describe('etcd: what the status of a call that failed means', () => {
  it.each([
    [3, 'etcdserver: request is too large', 'too-large'],
    [8, 'grpc: received message larger than max (3000098 vs. 2097152)', 'too-large'],
    [14, 'etcdserver: leader changed', 'store-timeout'],
    [14, 'etcdserver: no leader', 'no-leader'],
    [14, 'etcdserver: rpc not supported for learner', 'no-leader'],
    [8, 'etcdserver: too many requests', 'overloaded'],
    [13, 'Received RST_STREAM with code 2 triggered by internal client error: read EHOSTUNREACH', 'dropped'],
    [14, 'No connection established. Last error: connect EHOSTUNREACH 10.0.0.1:2379', 'not-connected'],
    [2, 'something that nobody has written down', 'failed'],
  ])('%i %s: %s', (code, details, trouble) => {
    expect(troubleOf(code, details)).toBe(trouble);
  });

  it('a request that is refused for its size was not carried out, and is no better a second time', () => {
    const failure = new CallFailure(troubleOf(3, 'etcdserver: request is too large'), '', 'here');
    expect(failure.meaning).toMatchObject({ maybeDone: false, retryable: false });
  });

  it('a request that found no room may have been carried out: etcd looks again after it has written', () => {
    const failure = new CallFailure(troubleOf(8, 'etcdserver: mvcc: database space exceeded'), '', 'here');
    expect(failure.meaning).toMatchObject({ code: 'STORE_FULL', maybeDone: true, retryable: true });
  });
});
