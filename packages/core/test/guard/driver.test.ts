import type { ClusterDriver } from '@autocluster/core/driver';
import { simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { guardDriver } from '../../src/guard/index.js';
import { deferred, outcomeOf, pretend, record } from './kit.js';

const membership = { identity: { kind: 'blank' }, members: ['node-1'], running: ['node-1'], partitions: [] };
const never = () => new Promise<never>(() => undefined);

function scene(overrides: object = {}) {
  const time = simulateTime({ seed: 1 });
  const done = () => Promise.resolve();
  const driver = pretend<ClusterDriver>({
    name: 'fake',
    spi: 1,
    data: 'durable',
    views: 'peer',
    concurrentJoins: true,
    self: () => 'node-1',
    membership: () => Promise.resolve(membership),
    health: () => Promise.resolve({ status: 'up', ready: true, detail: '', view: membership }),
    create: done,
    join: done,
    committed: done,
    reset: done,
    forget: done,
    ...overrides,
  });
  const guard = guardDriver(driver, { runtime: time.runtime, callTimeoutMs: 1000, workMs: 10_000, stopBudgetMs: 500 });
  return { time, guard };
}

const call = { list: undefined };
const identity = { clusterId: 'id-1', generation: 1 };
const create = { identity, token: undefined };
const peer = { node: 'node-2', listed: undefined };

describe('the manifest of a driver', () => {
  it('is checked once, with its own name', () => {
    const { guard } = scene();
    expect(guard).toMatchObject({
      name: 'fake',
      data: 'durable',
      views: 'peer',
      concurrentJoins: true,
      self: 'node-1',
    });
    expect(guard.leave).toBeUndefined();
    expect(scene({ leave: () => Promise.resolve() }).guard.leave).toBeTypeOf('function');
  });

  it.each([
    ['another interface', { spi: 0 }, 'SPI_MISMATCH'],
    ['no join', { join: undefined }, 'BACKEND_CONTRACT'],
    ['a leave that is no function', { leave: true }, 'BACKEND_CONTRACT'],
    ['unknown views', { views: 'all' }, 'BACKEND_CONTRACT'],
    ['an impossible name', { self: () => 'a/b' }, 'INVALID_OPTION'],
    [
      'a name that fails',
      {
        self: () => {
          throw new TypeError('no');
        },
      },
      'DRIVER_FAILED',
    ],
  ])('refuses %s', (_, overrides, code) => {
    expect(() => scene(overrides)).toThrow(expect.objectContaining({ code }));
  });
});

describe('questions to a driver', () => {
  it('are bounded and checked', async () => {
    const { guard, time } = scene({ membership: never });
    const asking = outcomeOf(guard.membership(call));
    await time.advance(1000);
    expect(asking.error?.code).toBe('TIMEOUT');
    await expect(scene().guard.membership(call)).resolves.toEqual(membership);
    const wrong = scene({ membership: () => Promise.resolve({ ...membership, identity: { kind: 'committed' } }) });
    await expect(wrong.guard.membership(call)).rejects.toThrow(/^BACKEND_CONTRACT: fake.membership: .*clusterId/);
    const failing = scene({ membership: () => Promise.reject(new TypeError('no')) });
    await expect(failing.guard.membership(call)).rejects.toMatchObject({
      code: 'DRIVER_FAILED',
      operation: 'membership',
    });
  });

  it('health never rejects: what cannot be asked is unknown', async () => {
    const hanging = scene({ health: never });
    const asking = outcomeOf(hanging.guard.health(peer, call));
    await hanging.time.advance(1000);
    expect(asking.value).toMatchObject({ status: 'unknown', ready: false, view: undefined });
    for (const health of [
      () => {
        throw new TypeError('no');
      },
      () => Promise.resolve({ status: 'fine' }),
    ]) {
      expect(await scene({ health }).guard.health(peer, call)).toMatchObject({ status: 'unknown' });
    }
    expect(await scene().guard.health(peer, call)).toMatchObject({ status: 'up', view: membership });
  });

  it('keep the record that the daemon kept', async () => {
    const { guard } = scene({ membership: () => Promise.resolve({ ...membership, kept: record }) });
    expect((await guard.membership(call)).kept).toEqual(record);
  });
});

describe('work of a driver', () => {
  it('gets its limits, the list, and an error with a name', async () => {
    let seen: unknown;
    const { guard } = scene({
      create: (_: unknown, given: unknown) => {
        seen = given;
        return Promise.reject(new TypeError('disk'));
      },
    });
    const failure = { code: 'DRIVER_FAILED', operation: 'create', cause: new TypeError('disk') };
    await expect(guard.create(create, call)).rejects.toMatchObject(failure);
    expect(seen).toMatchObject({ timeoutMs: 10_000, list: undefined });
  });

  it('L9: settles after an abort only when the daemon has', async () => {
    const work = deferred();
    const { guard, time } = scene({ create: () => work.promise });
    const controller = new AbortController();
    const creating = outcomeOf(guard.create(create, { ...call, signal: controller.signal }));
    controller.abort('lost');
    await time.advance(400);
    expect(creating.done).toBe(false);
    work.reject(new TypeError('stopped'));
    await time.advance(0);
    expect(creating.error).toMatchObject({ code: 'ABORTED', cause: 'lost' });
    expect(time.pendingTimers).toBe(0);
  });

  it('has succeeded when it finished all the same', async () => {
    const work = deferred();
    const { guard, time } = scene({ create: () => work.promise });
    const creating = outcomeOf(guard.create(create, call));
    await time.advance(10_100);
    work.resolve(undefined);
    await time.advance(0);
    expect([creating.done, creating.error]).toEqual([true, undefined]);
  });

  it('F17: is told to stop when its time is up, then given up', async () => {
    let signal: AbortSignal | undefined;
    const create = (_: unknown, given: { signal: AbortSignal }) => {
      signal = given.signal;
      return never();
    };
    const { guard, time } = scene({ create });
    const creating = outcomeOf(guard.create({ identity, token: 1n }, call));
    await time.advance(9_999);
    expect(signal?.aborted).toBe(false);
    await time.advance(1);
    expect(signal?.aborted).toBe(true);
    await time.advance(499);
    expect(creating.done).toBe(false);
    await time.advance(1);
    expect(creating.error).toMatchObject({ code: 'WORK_STUCK', retryable: false, outcomeUnknown: true });
    expect(time.pendingTimers).toBe(0);
  });

  it('does not begin when the signal is aborted already', async () => {
    let begun = 0;
    const { guard } = scene({ reset: () => Promise.resolve((begun += 1)) });
    await expect(guard.reset({ ...call, signal: AbortSignal.abort('x') })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(begun).toBe(0);
  });
});
