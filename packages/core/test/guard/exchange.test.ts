import { ClusterError } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { busy, emptyList, grant, lockRequest, outcomeOf, record, registered, registerRequest, scene } from './kit.js';

describe('one exchange with a backend', () => {
  it('gives the verb its time limit, its clock and a signal', async () => {
    const { guard, calls, time } = scene();
    void guard.list({ timeoutMs: 70 }).catch(() => undefined);
    expect(calls[0]?.options).toMatchObject({ timeoutMs: 70, clock: time.runtime.clock });
    await time.advance(69);
    expect(calls[0]?.options.signal.aborted).toBe(false);
    await time.advance(1);
    expect(calls[0]?.options.signal.aborted).toBe(true);
  });

  it('times out although the backend never settles', async () => {
    const { guard, time } = scene();
    const seen = outcomeOf(guard.list());
    await time.advance(999);
    expect(seen.done).toBe(false);
    await time.advance(1);
    expect(seen.error).toMatchObject({ code: 'TIMEOUT', operation: 'list', retryable: true, outcomeUnknown: true });
  });

  it('settles at once when its caller aborts, with the reason as the cause', async () => {
    const { guard, calls, time } = scene();
    const controller = new AbortController();
    const seen = outcomeOf(guard.lock(lockRequest, { signal: controller.signal }));
    await time.advance(10);
    controller.abort('enough');
    await time.advance(0);
    expect(seen.error).toMatchObject({ code: 'ABORTED', cause: 'enough', outcomeUnknown: true });
    expect(calls[0]?.options.signal.aborted).toBe(true);
  });

  it('settles its caller too when that happens inside of the verb', async () => {
    const controller = new AbortController();
    const list = () => {
      controller.abort('inside');
      return new Promise(() => undefined);
    };
    const { guard } = scene({ list });
    await expect(guard.list({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED', cause: 'inside' });
  });

  it('passes on a reason that is an error of ours, and sends nothing when it was aborted before', async () => {
    const { guard, calls } = scene();
    const reason = new ClusterError('LOCK_LOST', 'gone');
    await expect(guard.list({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(guard.list({ signal: AbortSignal.abort('x') })).rejects.toMatchObject({
      code: 'ABORTED',
      outcomeUnknown: false,
    });
    expect(calls).toHaveLength(0);
  });

  it('keeps the code of such a reason, and never lets it say that nothing happened', async () => {
    const { guard, time } = scene();
    const controller = new AbortController();
    const reason = new ClusterError('LOCK_LOST', 'gone', { details: { name: 'x' } });
    const seen = outcomeOf(guard.unlock(grant, { signal: controller.signal }));
    controller.abort(reason);
    await time.advance(0);
    const facts = { code: 'LOCK_LOST', message: reason.message, outcomeUnknown: true, retryable: false, cause: reason };
    expect(seen.error).toMatchObject({ ...facts, details: { name: 'x' } });
  });

  it('leaves no timer behind', async () => {
    const { guard, calls, time } = scene();
    const seen = outcomeOf(guard.list());
    calls[0]?.answer.resolve(emptyList);
    await time.advance(0);
    expect([seen.done, time.pendingTimers]).toEqual([true, 0]);
  });

  it('names foreign failures, thrown at once or later', async () => {
    const { guard, calls } = scene({
      lock() {
        throw new TypeError('synchronous');
      },
    });
    await expect(guard.lock(lockRequest)).rejects.toMatchObject({ code: 'STORE_FAILED', operation: 'lock' });
    const listing = guard.list();
    const cause = new RangeError('later');
    calls[0]?.answer.reject(cause);
    const facts = { code: 'STORE_FAILED', retryable: true, outcomeUnknown: true, cause };
    await expect(listing).rejects.toMatchObject(facts);
    const unregistering = guard.list();
    calls[1]?.answer.reject(undefined);
    await expect(unregistering).rejects.toMatchObject({ code: 'STORE_FAILED', message: /undefined/ });
  });

  it('names a thrown value too that is no text and cannot be made one', async () => {
    for (const thrown of [Object.create(null), Object.assign(new Error('no'), { message: Symbol('no') })]) {
      const { guard, calls } = scene();
      const listing = guard.list();
      calls[0]?.answer.reject(thrown);
      await expect(listing).rejects.toMatchObject({ code: 'STORE_FAILED', cause: thrown });
    }
  });

  it('recognises errors of another copy of the package by their shape', async () => {
    const { guard, calls } = scene();
    const theirs = Object.assign(new Error('STORE_FULL: no room'), {
      code: 'STORE_FULL',
      retryable: true,
      outcomeUnknown: false,
    });
    const listing = guard.list();
    calls[0]?.answer.reject(theirs);
    await expect(listing).rejects.toBe(theirs);
  });

  it('refuses what the store cannot do, without asking it', async () => {
    const { guard, calls } = scene();
    await expect(
      guard.unlock({ ...lockRequest, token: 1n, ref: '', record: undefined }, { record }),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const { guard: lockless } = scene({
      capabilities: { ...guard.capabilities, lock: 'none' },
    });
    await expect(lockless.lock(lockRequest)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(calls).toHaveLength(0);
  });
});

describe('close', () => {
  it('ends what runs with CLOSED, refuses what comes later, and closes the backend once', async () => {
    let closes = 0;
    const { guard, time } = scene({ close: () => Promise.resolve((closes += 1)) });
    const listing = outcomeOf(guard.list());
    const closing = outcomeOf(Promise.all([guard.close(), guard.close()]));
    await time.advance(0);
    expect(listing.error?.code).toBe('CLOSED');
    expect([closing.done, closes]).toEqual([true, 1]);
    await expect(guard.register(registerRequest)).rejects.toMatchObject({ code: 'CLOSED' });
    expect(guard.watch(new AbortController().signal)).toBeUndefined();
  });

  it('is bounded although undos and the backend hang', async () => {
    const { guard, time } = scene({ close: () => new Promise(() => undefined) });
    void guard.register(registerRequest).catch(() => undefined);
    void guard.lock(lockRequest).catch(() => undefined);
    const closing = outcomeOf(guard.close());
    await time.advance(4001);
    expect(closing.error?.code).toBe('TIMEOUT');
  });

  it('undoes what came while it closed', async () => {
    const { guard, calls, of, time } = scene();
    void guard.register(registerRequest).catch(() => undefined);
    const closing = outcomeOf(guard.close());
    await time.advance(10);
    calls[0]?.answer.resolve(registered);
    await time.advance(0);
    expect(of('unregister')).toHaveLength(1);
    expect(closing.done).toBe(false);
    of('unregister')[0]?.answer.resolve(undefined);
    await time.advance(0);
    expect(closing).toMatchObject({ done: true, value: undefined });
  });
});

describe('the hint of a busy lock', () => {
  it('settles at its signal, never throws, and never fires when it fails', async () => {
    const { guard, calls, time } = scene();
    for (const released of [
      () => new Promise(() => undefined),
      () => Promise.reject('x'),
      () => {
        throw 1;
      },
    ]) {
      const locking = guard.lock(lockRequest);
      calls.at(-1)?.answer.resolve({ ...busy, released });
      const outcome = await locking;
      const controller = new AbortController();
      const hint = outcomeOf((outcome.kind === 'busy' && outcome.released?.(controller.signal)) || Promise.reject());
      await time.advance(50);
      expect(hint.done).toBe(false);
      controller.abort();
      await time.advance(0);
      expect(hint).toMatchObject({ done: true, value: undefined });
    }
  });
});
