import { describe, expect, it } from 'vitest';
import { deferred, grant, outcomeOf, scripted } from '../guard/kit.js';
import { simulateTime } from '@autocluster/testing';
import { acquireLockIn } from '../../src/lock/index.js';
import { world } from './kit.js';

describe('L6: a grant that may have passed to another before its answer came', () => {
  it('lets no work begin after a suspension', async () => {
    const { time, process } = world();
    const [a, b] = [process('a', { requestMs: 10, replyMs: 1_000 }), process('b')];
    let began = false;
    const work = async () => void (began = true);
    const running = outcomeOf(a.under('job', work));
    await time.advance(100);
    a.runtime.suspend();
    await time.advance(60_000);
    const other = outcomeOf(b.acquire('job'));
    await time.advance(10);
    expect(other.done).toBe(true);
    a.runtime.resume();
    await time.advance(10_000);
    expect(began).toBe(false);
    await other.value?.release();
    await time.advance(10_000);
    expect([began, running.done, running.error]).toEqual([true, true, undefined]);
  });

  it('is used after a suspension that was shorter, once the store has said that it is still there', async () => {
    const { time, process, kinds } = world();
    const a = process('a', { requestMs: 10, replyMs: 1_000 });
    const acquiring = outcomeOf(a.acquire('job'));
    await time.advance(100);
    a.runtime.suspend();
    await time.advance(10_000);
    a.runtime.resume();
    await time.advance(2_100);
    acquiring.value?.assertHeld();
    expect([acquiring.done, kinds()]).toEqual([true, ['locked']]);
  });

  it('is given back when its caller gives up before the store has said so', async () => {
    const { time, process, locks } = world();
    const a = process('a', { requestMs: 10, replyMs: 1_000 });
    const controller = new AbortController();
    const acquiring = outcomeOf(a.acquire('job', { signal: controller.signal }));
    await time.advance(100);
    a.runtime.suspend();
    await time.advance(10_000);
    a.runtime.resume();
    await time.advance(1_100);
    expect(acquiring.done).toBe(false);
    controller.abort();
    await time.advance(3_000);
    expect([acquiring.error?.code, locks()]).toEqual(['ABORTED', []]);
  });

  it('is one try for whoever wants only one', async () => {
    const time = simulateTime({ seed: 1 });
    const { backend, of } = scripted({
      lock: async ({ attempt }: { attempt: string }) => {
        const answer = deferred();
        time.runtime.after(20, () => answer.resolve({ kind: 'held', grant: { ...grant, attempt, ttlMs: 10 } }));
        return answer.promise;
      },
    });
    const acquiring = outcomeOf(acquireLockIn(time.runtime, backend, 'job', { waitMs: 0 }));
    await time.advance(1_000);
    expect(acquiring.error?.code).toBe('TIMEOUT');
    expect(of('unlock')).toHaveLength(1);
  });
});
