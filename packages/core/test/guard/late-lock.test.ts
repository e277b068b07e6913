import { ClusterError } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { busy, grant, held, lockRequest, outcomeOf, scene } from './kit.js';

/** A lock exchange whose caller gave up waiting after `callTimeoutMs`. */
async function timedOut() {
  const world = scene();
  const seen = outcomeOf(world.guard.lock(lockRequest));
  await world.time.advance(1000);
  expect(seen.error?.code).toBe('TIMEOUT');
  return world;
}

describe('a lock that is granted too late', () => {
  it('L6: is unlocked when the attempt was given up, whenever the answer comes', async () => {
    const { guard, calls, of, time } = await timedOut();
    const undone = outcomeOf(guard.giveUpLock(lockRequest));
    await time.advance(500);
    expect(undone.done).toBe(false);
    calls[0]?.answer.resolve(held);
    await time.advance(0);
    expect(of('unlock').map((call) => call.argument)).toEqual([grant]);
    of('unlock')[0]?.answer.resolve({ kind: 'released' });
    await time.advance(0);
    expect(undone.done).toBe(true);
  });

  it('L6: is unlocked when it had come before the attempt was given up', async () => {
    const { guard, calls, of, time } = await timedOut();
    calls[0]?.answer.resolve(held);
    await time.advance(0);
    expect(of('unlock')).toHaveLength(0);
    void guard.giveUpLock(lockRequest);
    await time.advance(0);
    expect(of('unlock').map((call) => call.argument)).toEqual([grant]);
  });

  it('L6: is unlocked even after the undo has stopped waiting for it', async () => {
    const { guard, calls, of, time } = await timedOut();
    const undone = outcomeOf(guard.giveUpLock(lockRequest));
    await time.advance(60_000);
    expect(undone.done).toBe(true);
    calls[0]?.answer.resolve(held);
    await time.advance(0);
    expect(of('unlock')).toHaveLength(1);
  });

  it('L12: is left alone when a repeat of the attempt adopted it', async () => {
    const { guard, calls, of, time } = await timedOut();
    const again = guard.lock(lockRequest);
    calls[1]?.answer.resolve(held);
    await expect(again).resolves.toMatchObject({ kind: 'held' });
    calls[0]?.answer.resolve(held);
    await guard.giveUpLock(lockRequest);
    await time.advance(10_000);
    expect(of('unlock')).toHaveLength(0);
  });

  it('L12: another grant of a released attempt is removed, the released one is not unlocked twice', async () => {
    const { guard, calls, of, time } = await timedOut();
    const second = outcomeOf(guard.lock(lockRequest));
    void guard.lock(lockRequest).catch(() => undefined);
    calls[1]?.answer.resolve(held);
    await second.ended;
    const unlocking = outcomeOf(guard.unlock(grant));
    of('unlock')[0]?.answer.resolve({ kind: 'released' });
    await unlocking.ended;
    calls[0]?.answer.resolve(held);
    await time.advance(0);
    expect(of('unlock')).toHaveLength(1);
    calls[2]?.answer.resolve({ kind: 'held', grant: { ...grant, token: 9n } });
    await time.advance(0);
    expect(of('unlock').map((call) => call.argument)).toEqual([grant, { ...grant, token: 9n }]);
  });

  it('never undoes a renewal', async () => {
    const { guard, calls, of, time } = scene();
    void guard.lock({ ...lockRequest, held: grant }).catch(() => undefined);
    await time.advance(1000);
    void guard.giveUpLock(lockRequest);
    calls[0]?.answer.resolve(held);
    await time.advance(10_000);
    expect(of('unlock')).toHaveLength(0);
  });

  it('asks once more after an exchange of unknown outcome, and unlocks what it finds', async () => {
    const { guard, calls, of, time } = scene();
    const first = outcomeOf(guard.lock(lockRequest));
    calls[0]?.answer.reject(new TypeError('connection reset'));
    await first.ended;
    const undone = outcomeOf(guard.giveUpLock(lockRequest));
    await time.advance(0);
    expect(of('lock').map((call) => call.argument)).toEqual([lockRequest, lockRequest]);
    calls[1]?.answer.resolve(held);
    await time.advance(0);
    expect(of('unlock')).toHaveLength(1);
    of('unlock')[0]?.answer.resolve({ kind: 'released' });
    await undone.ended;
  });

  it('asks once more when the backend rejects with the reason of the abort, whatever that reason says', async () => {
    const { guard, calls, of, time } = scene();
    const controller = new AbortController();
    const locking = outcomeOf(guard.lock(lockRequest, { signal: controller.signal }));
    const reason = new ClusterError('CLOSED', 'stopped');
    controller.abort(reason);
    calls[0]?.answer.reject(reason);
    await locking.ended;
    void guard.giveUpLock(lockRequest);
    await time.advance(0);
    expect(of('lock')).toHaveLength(2);
  });

  it('unlocks what that last question gets too late as well', async () => {
    const { guard, calls, of, time } = scene();
    const first = outcomeOf(guard.lock(lockRequest));
    calls[0]?.answer.reject(new TypeError('connection reset'));
    await first.ended;
    const undone = outcomeOf(guard.giveUpLock(lockRequest));
    await time.advance(1000);
    expect(undone.done).toBe(true);
    calls[1]?.answer.resolve(held);
    await time.advance(0);
    expect(of('unlock')).toHaveLength(1);
  });

  it('asks nothing when the outcome is known', async () => {
    const { guard, calls, time } = scene();
    for (const answer of [busy, busy]) {
      const locking = guard.lock(lockRequest);
      calls.at(-1)?.answer.resolve(answer);
      await locking;
    }
    await guard.giveUpLock(lockRequest);
    const failing = outcomeOf(guard.lock(lockRequest));
    const refused = Object.assign(new Error('no'), {
      code: 'STORE_UNREACHABLE',
      retryable: true,
      outcomeUnknown: false,
    });
    calls[2]?.answer.reject(refused);
    await failing.ended;
    await guard.giveUpLock(lockRequest);
    await time.advance(10_000);
    expect(calls).toHaveLength(3);
  });

  it('forgets a doubt that a later answer settles', async () => {
    const { guard, calls } = scene();
    const first = outcomeOf(guard.lock(lockRequest));
    calls[0]?.answer.reject(new TypeError('connection reset'));
    await first.ended;
    const second = guard.lock(lockRequest);
    calls[1]?.answer.resolve(busy);
    await second;
    await guard.giveUpLock(lockRequest);
    expect(calls).toHaveLength(2);
  });

  it('tries the unlock twice, then lets it lapse', async () => {
    const { guard, calls, of, time } = await timedOut();
    const undone = outcomeOf(guard.giveUpLock(lockRequest));
    calls[0]?.answer.resolve(held);
    await time.advance(10_000);
    expect(of('unlock')).toHaveLength(2);
    expect(undone).toMatchObject({ done: true, value: undefined });
  });

  it('holds up the next attempt for this lock, and no other lock, until the undo has settled', async () => {
    const { guard, calls, of, time } = await timedOut();
    void guard.giveUpLock(lockRequest);
    const next = outcomeOf(guard.lock({ ...lockRequest, attempt: 'a2' }));
    void guard.lock({ ...lockRequest, name: 'other', attempt: 'a3' }).catch(() => undefined);
    await time.advance(100);
    expect(of('lock').map((call) => call.argument)).toMatchObject([{ attempt: 'a1' }, { attempt: 'a3' }]);
    calls[0]?.answer.resolve(held);
    await time.advance(0);
    of('unlock')[0]?.answer.resolve({ kind: 'released' });
    await time.advance(0);
    expect(of('lock')[2]?.argument).toMatchObject({ attempt: 'a2' });
    expect(of('lock')[2]?.options.timeoutMs).toBe(900);
    of('lock')[2]?.answer.resolve({ kind: 'held', grant: { ...grant, attempt: 'a2', token: 8n } });
    await time.advance(0);
    expect(next.value).toMatchObject({ kind: 'held' });
  });

  it('does not hold it up for longer than the call may take, and says that nothing was sent', async () => {
    const { guard, time } = await timedOut();
    void guard.giveUpLock(lockRequest);
    const next = outcomeOf(guard.lock({ ...lockRequest, attempt: 'a2' }, { timeoutMs: 300 }));
    await time.advance(300);
    expect(next.error).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: false });
  });

  it('aborts an exchange that still runs when its attempt is given up', async () => {
    const { guard, calls, time } = scene();
    const locking = outcomeOf(guard.lock(lockRequest));
    void guard.giveUpLock(lockRequest);
    await time.advance(0);
    expect(locking.error?.code).toBe('ABORTED');
    expect(calls[0]?.options.signal.aborted).toBe(true);
  });
});
