import { describe, expect, it } from 'vitest';
import { FULL_CAPABILITIES } from '@autocluster/testing';
import { outcomeOf, registered, registerRequest, registration, scene } from './kit.js';

async function timedOut() {
  const world = scene();
  const seen = outcomeOf(world.guard.register(registerRequest));
  await world.time.advance(1000);
  expect(seen.error?.code).toBe('TIMEOUT');
  return world;
}

describe('a registration that is answered too late', () => {
  it('is removed when the attempt was given up', async () => {
    const { guard, calls, of, time } = await timedOut();
    const undone = outcomeOf(guard.giveUpRegistration('node-1', 'i1'));
    calls[0]?.answer.resolve(registered);
    await time.advance(0);
    expect(of('unregister').map((call) => call.argument)).toEqual([registration]);
    of('unregister')[0]?.answer.resolve(undefined);
    await undone.ended;
  });

  it('is adopted by a repeat, and then left alone', async () => {
    const { guard, calls, of, time } = await timedOut();
    const again = guard.register(registerRequest);
    calls[1]?.answer.resolve(registered);
    await again;
    calls[0]?.answer.resolve(registered);
    await guard.giveUpRegistration('node-1', 'i1');
    await time.advance(10_000);
    expect(of('unregister')).toHaveLength(0);
  });

  it('is looked for after an exchange of unknown outcome', async () => {
    const { guard, calls, of, time } = scene();
    const first = outcomeOf(guard.register(registerRequest));
    calls[0]?.answer.reject(new TypeError('reset'));
    await first.ended;
    void guard.giveUpRegistration('node-1', 'i1');
    await time.advance(0);
    expect(of('register')).toHaveLength(2);
    of('register')[1]?.answer.resolve(registered);
    await time.advance(0);
    expect(of('unregister')).toHaveLength(1);
  });

  it('holds up the next instance of this node until it is gone', async () => {
    const { guard, calls, of, time } = await timedOut();
    void guard.giveUpRegistration('node-1', 'i1');
    void guard.register({ ...registerRequest, instance: 'i2' }).catch(() => undefined);
    await time.advance(10);
    expect(of('register')).toHaveLength(1);
    calls[0]?.answer.resolve({ kind: 'conflict', instance: 'i9' });
    await time.advance(0);
    expect(of('register')).toHaveLength(2);
    expect(of('unregister')).toHaveLength(0);
  });

  it('a renewal that runs is ended before unregister is sent, and removed again when it was later', async () => {
    const { guard, of, time } = scene();
    const renewing = outcomeOf(guard.register({ ...registerRequest, held: registration }));
    const leaving = outcomeOf(guard.unregister(registration));
    await time.advance(0);
    expect(renewing.error?.code).toBe('ABORTED');
    expect(of('unregister')).toHaveLength(0);
    await time.advance(1000);
    of('unregister')[0]?.answer.resolve(undefined);
    await leaving.ended;
    of('register')[0]?.answer.resolve({ ...registered, registration: { ...registration, order: 9n } });
    await time.advance(0);
    expect(of('unregister').map((call) => call.argument)).toEqual([registration, { ...registration, order: 9n }]);
  });

  it('a late renewal is not removed when the same instance has registered again', async () => {
    const { guard, of, time } = scene();
    void guard.register({ ...registerRequest, held: registration }).catch(() => undefined);
    void guard.unregister(registration);
    await time.advance(1000);
    of('unregister')[0]?.answer.resolve(undefined);
    await time.advance(0);
    void guard.register(registerRequest);
    await time.advance(0);
    of('register')[0]?.answer.resolve(registered);
    await time.advance(0);
    of('register')[1]?.answer.resolve(registered);
    await time.advance(0);
    expect(of('unregister')).toHaveLength(1);
  });

  it('nothing is undone on platforms, where nothing is written', async () => {
    const { guard, calls, time } = scene({
      capabilities: { ...FULL_CAPABILITIES, watch: false, registration: 'platform' },
    });
    void guard.register(registerRequest).catch(() => undefined);
    await time.advance(1000);
    await guard.giveUpRegistration('node-1', 'i1');
    calls[0]?.answer.resolve(registered);
    await time.advance(10_000);
    expect(calls).toHaveLength(1);
  });
});
