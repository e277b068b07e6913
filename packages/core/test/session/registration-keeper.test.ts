import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../guard/kit.js';
import { joining, ready, scene } from './kit.js';

async function announced(options: Parameters<typeof scene>[0] = {}) {
  const world = scene(options);
  const a = world.process('a');
  const { kept, events, kinds } = a.keeper();
  const first = kept.announce(joining);
  await world.time.advance(100);
  expect(await first).toMatchObject({ kind: 'registered' });
  return { ...world, a, kept, events, kinds };
}

describe('a registration that is kept', () => {
  it('is made, renewed at a third of the TTL or sooner, and stays', async () => {
    const { time, kept, kinds, store } = await announced();
    await time.advance(600_000);
    expect(kept.held).toMatchObject({ node: 'a', instance: 'a-1' });
    expect(kinds().filter((kind) => kind === 'made')).toHaveLength(1);
    expect(kinds().filter((kind) => kind === 'renewed').length).toBeGreaterThanOrEqual(59);
    expect(kinds().length).toBeLessThanOrEqual(68);
    expect(store.history.map(({ kind }) => kind)).toEqual(['registered']);
  });

  it('announces another state at once, after an exchange that is running', async () => {
    const { time, a, kept, store } = await announced({ latency: { requestMs: 10, replyMs: 10 } });
    const one = kept.announce(ready);
    const two = kept.announce({ ...ready, metadata: { zone: 'b' } });
    await time.advance(40);
    expect(await one).toMatchObject({ registration: { state: 'ready' } });
    expect(await two).toMatchObject({ registration: { metadata: { zone: 'b' } } });
    expect(kept.announced).toMatchObject({ metadata: { zone: 'b' } });
    expect(kept.held?.metadata).toEqual({ zone: 'b' });
    expect(store.history.map(({ kind }) => kind)).toEqual(['registered', 'registered']);
    kept.stop();
    expect(a.runtime.pendingTimers).toBe(0);
  });

  it('answers a failure to who announced, and goes on trying by itself', async () => {
    const world = scene();
    const a = world.process('a');
    const { kept, events, kinds } = a.keeper();
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE', times: 3 });
    await expect(kept.announce(joining)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await world.time.advance(5_000);
    expect(kinds().slice(0, 4)).toEqual(['failed', 'failed', 'failed', 'made']);
    expect(events.map((event) => (event.kind === 'failed' ? event.sinceMs : undefined)).slice(0, 3)).toEqual([0, 0, 0]);
  });

  it('R3: is made again when the entry was gone, with the same instance, and says so', async () => {
    const { time, kept, kinds, events, space } = await announced();
    space.deleteMember('a');
    await time.advance(10_000);
    expect(kinds().slice(0, 3)).toEqual(['made', 'lost', 'made']);
    expect(kept.held?.instance).toBe('a-1');
    expect(events[2]).toMatchObject({ registration: { instance: 'a-1' } });
  });

  it('R3: survives an outage longer than the TTL', async () => {
    const { time, a, kept, kinds, timing } = await announced();
    const stop = a.faults.inject({ kind: 'drop-request' });
    await time.advance(timing.deadlineMs + timing.renewalMs);
    expect(kept.held).toBeUndefined();
    await time.advance(60_000);
    stop();
    await time.advance(10_000);
    expect(kept.held).toBeDefined();
    expect(kinds().filter((kind) => kind === 'lost' || kind === 'made')).toEqual(['made', 'lost', 'made']);
    expect(kinds()).toContain('failed');
  });

  it('is not lost when only answers were', async () => {
    const { time, a, kept, kinds } = await announced();
    a.faults.inject({ kind: 'drop-reply', times: 2 });
    await time.advance(60_000);
    expect(kinds()).not.toContain('lost');
    expect(kept.held).toBeDefined();
  });

  it('counts what is held from when the request was sent', async () => {
    const { time, a, kept, timing } = await announced({ latency: { requestMs: 10, replyMs: 50 } });
    a.runtime.pause();
    await time.advance(timing.deadlineMs - 101);
    expect(kept.held).toBeDefined();
    await time.advance(1.5);
    expect(kept.held).toBeUndefined();
    a.runtime.resume();
    await time.advance(5_000);
    expect(kept.held).toBeDefined();
  });

  it.each([0, -3_600_000])(
    'counts a suspension, of which only the wall clock knows, also when that was set by %d ms before',
    async (byMs) => {
      const { time, a, kept, timing } = await announced();
      a.runtime.jumpWall(byMs);
      expect(kept.held).toBeDefined();
      a.runtime.suspend();
      await time.advance(timing.deadlineMs);
      a.runtime.resume();
      expect(kept.held).toBeUndefined();
      await time.advance(20_000);
      expect(kept.held).toBeDefined();
    },
  );

  it('R1: meets another live instance as a conflict, and goes on asking at the renewal period', async () => {
    const { time, a, kinds: firstKinds, kept } = await announced();
    const second = a.keeper('a-2');
    const outcome = await second.kept.announce(joining);
    expect(outcome).toEqual({ kind: 'conflict', instance: 'a-1' });
    await time.advance(60_000);
    const conflicts = second.events.filter((event) => event.kind === 'conflict');
    expect(conflicts.length).toBeGreaterThanOrEqual(6);
    expect(conflicts.length).toBeLessThanOrEqual(8);
    expect(conflicts[0]).toMatchObject({ sentAtMs: 100, instance: 'a-1' });
    expect(firstKinds()).not.toContain('lost');
    await kept.withdraw();
    await time.advance(10_000);
    expect(second.kinds().at(-1)).toBe('made');
    expect(second.kept.held?.instance).toBe('a-2');
  });

  it('R1: an instance whose name was taken after it had lapsed reports the loss and the conflict', async () => {
    const { time, a, kinds, kept } = await announced();
    a.runtime.pause();
    await time.advance(31_000);
    const other = await a.client.register(
      { node: 'a', instance: 'a-9', ttlMs: 600_000, ...joining },
      { signal: new AbortController().signal, timeoutMs: 1000, clock: a.runtime.clock },
    );
    expect(other.kind).toBe('registered');
    a.runtime.resume();
    await time.advance(100);
    expect(kinds().slice(-2)).toEqual(['lost', 'conflict']);
    expect(kept.held).toBeUndefined();
  });

  it('R2, R4: is removed by withdraw, and nothing brings it back', async () => {
    const { time, a, kept, space, count } = await announced();
    await kept.withdraw();
    expect(space.inspect().members).toEqual([]);
    const renewals = count('register', a.client);
    await time.advance(100_000);
    expect([renewals(), a.runtime.pendingTimers, space.inspect().members.length]).toEqual([0, 0, 0]);
    await kept.withdraw();
    await expect(kept.announce(ready)).rejects.toMatchObject({ code: 'CLOSED' });
    expect(kept.held).toBeUndefined();
  });

  it('R4: not even a renewal that was under way', async () => {
    const { time, a, kept, space } = await announced({ latency: { requestMs: 10, replyMs: 10 } });
    a.faults.inject({ kind: 'delay', requestMs: 3_000, verbs: ['register'], times: 1 });
    const running = outcomeOf(kept.announce(ready));
    await time.advance(100);
    const leaving = outcomeOf(kept.withdraw());
    await time.advance(10_000);
    expect(running.error?.code).toBe('CLOSED');
    expect([leaving.done, leaving.error]).toEqual([true, undefined]);
    expect(space.inspect().members).toEqual([]);
  });

  it('R4: withdraw takes back a first registration that nobody has seen answered', async () => {
    const world = scene();
    const a = world.process('a');
    const { kept } = a.keeper();
    a.faults.inject({ kind: 'drop-reply', verbs: ['register'], times: 1 });
    const first = outcomeOf(kept.announce(joining));
    await world.time.advance(1_000);
    expect(world.space.inspect().members).toHaveLength(1);
    const leaving = outcomeOf(kept.withdraw());
    await world.time.advance(20_000);
    expect(first.error?.code).toBe('CLOSED');
    expect(leaving.done).toBe(true);
    expect(world.space.inspect().members).toEqual([]);
  });

  it('a withdraw that failed can be tried again', async () => {
    const { a, kept, space } = await announced();
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['unregister'], times: 1 });
    await expect(kept.withdraw()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await kept.withdraw();
    expect(space.inspect().members).toEqual([]);
  });

  it('R5: a process that is gone is not listed after the latest takeover', async () => {
    const { time, a, space, timing } = await announced();
    await time.advance(12_345);
    a.runtime.crash();
    await time.advance(timing.latestTakeoverMs + 1);
    expect(space.inspect().members).toEqual([]);
  });

  it('stop ends it at once and leaves the entry to lapse', async () => {
    const { time, a, kept, space } = await announced();
    kept.stop();
    expect(a.runtime.pendingTimers).toBe(0);
    expect(space.inspect().members).toHaveLength(1);
    await time.advance(31_000);
    expect(space.inspect().members).toEqual([]);
  });

  it('R6: nodes that started together do not renew together', async () => {
    const world = scene();
    const sent: number[] = [];
    const nodes = Array.from({ length: 100 }, (_, index) => world.process(`n${index}`));
    for (const { client, runtime, keeper } of nodes) {
      const original = client.register.bind(client);
      Object.assign(client, {
        register: (...given: Parameters<typeof original>) => {
          sent.push(runtime.clock.monotonicMs());
          return original(...given);
        },
      });
      void keeper().kept.announce(joining);
    }
    await world.time.advance(100);
    sent.length = 0;
    await world.time.advance(120_000);
    const windows = new Map<number, number>();
    for (const at of sent) windows.set(Math.floor(at / 1000), (windows.get(Math.floor(at / 1000)) ?? 0) + 1);
    expect(Math.max(...windows.values())).toBeLessThan(40);
  });

  it('adopts the instance of a platform', async () => {
    const world = scene({ capabilities: { registration: 'platform', ttl: 'none' } });
    const a = world.process('a');
    world.space.insertMember({ node: 'a', instance: 'pod-1' });
    const { kept } = a.keeper();
    await kept.announce(joining);
    expect(kept.held).toMatchObject({ instance: 'pod-1', ttlMs: undefined });
    a.runtime.pause();
    await world.time.advance(100_000);
    expect(kept.held).toBeDefined();
  });

  it('R4: is withdrawn also in the moment in which its first answer comes', async () => {
    for (let ticks = 0; ticks < 12; ticks += 1) {
      const world = scene();
      const a = world.process('a');
      const { kept } = a.keeper();
      let withdrawn: Promise<boolean> | undefined;
      const register = a.client.register.bind(a.client);
      Object.assign(a.client, {
        register: (...given: Parameters<typeof register>) => {
          const answer = register(...given);
          void answer.then(async () => {
            for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
            withdrawn = kept.withdraw();
          });
          return answer;
        },
      });
      const announced = outcomeOf(kept.announce(joining));
      await world.time.advance(5_000);
      await withdrawn;
      expect([ticks, world.space.inspect().members.length]).toEqual([ticks, 0]);
      expect(announced.done).toBe(true);
    }
  });
});
