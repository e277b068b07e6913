import { describe, expect, it } from 'vitest';
import { decide } from '../../src/formation/decide/index.js';
import { CONFIG, observation, present, rememberOnly, type Sketch } from './kit.js';

const config = { ...CONFIG, settleMs: 60_000, data: 'none', whenNobodyAlive: 'resume' } as const;

function decideAfter(sketches: readonly Sketch[]) {
  const now = sketches.at(-1) ?? {};
  const memory = rememberOnly(config, sketches);
  return decide({ config, observation: observation(now), memory, formed: false });
}

const at = (seen: Sketch, ...times: readonly number[]): readonly Sketch[] => times.map((nowMs) => ({ ...seen, nowMs }));

describe.each([
  ['a first create', {}, 'settling'],
  ['a next generation', { record: present() }, 'nobody-alive'],
] as const)('the silence before %s', (_, seen, reason) => {
  it('has lasted when lists have shown it again and again', () => {
    expect(decideAfter(at(seen, 0, 40_000, 61_000))).toMatchObject({ kind: 'create' });
  });

  it('begins anew after a gap: the node stood still, and others may have been there meanwhile', () => {
    expect(decideAfter(at(seen, 0, 61_001))).toMatchObject({ kind: 'wait', reason });
    expect(decideAfter(at(seen, 0, 61_001, 121_001))).toMatchObject({ kind: 'wait', reason });
    expect(decideAfter(at(seen, 0, 61_001, 100_000, 121_002))).toMatchObject({ kind: 'create' });
  });

  it('is listened to: whoever waits for its end looks again before', () => {
    const decision = decideAfter(at(seen, 0));
    expect(decision).toMatchObject({ kind: 'wait', reason });
    expect(decision).toHaveProperty('retryMs', 1_000);
  });
});
