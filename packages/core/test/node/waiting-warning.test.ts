import { simulateTime } from '@autocluster/testing';
import { describe, expect, it, vi } from 'vitest';
import type { WaitReason } from '../../src/formation/index.js';
import { createWaitingWarning } from '../../src/node/waiting-warning.js';

describe('the warning of a wait that lasts', () => {
  it('is not given for a wait that is over', async () => {
    const time = simulateTime({ seed: 1 });
    const given: string[] = [];
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation((text) => void given.push(String(text)));
    const warning = createWaitingWarning(time.runtime, 'c');
    const see = (reason: WaitReason) => warning.see({ kind: 'waiting', reason, forMs: 0, endsWhen: 'x' });
    see('store-unreachable');
    await time.advance(6_000);
    see('lock-busy');
    await time.advance(1_000);
    see('store-unreachable'); // warned of already
    await time.advance(10_000);
    emit.mockRestore();
    expect(given).toHaveLength(1);
  });
});
