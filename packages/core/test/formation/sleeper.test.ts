import { simulateTime } from '@autocluster/testing';
import { expect, it } from 'vitest';
import { createSleeper } from '../../src/formation/sleeper.js';

it('a release that is told when its sleep is over does not take the hints of the next one', async () => {
  const time = simulateTime({ seed: 1 });
  const sleeper = createSleeper(time.runtime, new AbortController().signal);
  let tell: () => void = () => undefined;
  const released = () => new Promise<void>((resolve) => (tell = resolve));
  const first = sleeper.sleep({ afterMs: 10, hintsAfterMs: undefined, released });
  await time.advance(10);
  expect(await first).toEqual({ released: false });
  let isAwake = false;
  void sleeper.sleep({ afterMs: 1_000, hintsAfterMs: 0 }).then(() => (isAwake = true));
  tell();
  await time.advance(0);
  sleeper.hint();
  await time.advance(0);
  expect(isAwake).toBe(true);
});

it('tells that the lock was released', async () => {
  const { runtime } = simulateTime({ seed: 1 });
  const sleeper = createSleeper(runtime, new AbortController().signal);
  const woken = sleeper.sleep({ afterMs: 10, hintsAfterMs: undefined, released: () => Promise.resolve() });
  expect(await woken).toEqual({ released: true });
});
