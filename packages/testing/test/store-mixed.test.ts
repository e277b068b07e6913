import { type Fault, historyText, memoryStore, simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { clusterRecord, lockRequest, registerRequest } from './store-kit.js';

const MIXED: readonly Fault[] = [
  { kind: 'drop-request' },
  { kind: 'drop-reply' },
  { kind: 'delay', requestMs: 400, replyMs: 300 },
  { kind: 'duplicate', afterMs: 700 },
  { kind: 'fail', code: 'STORE_UNREACHABLE' },
  { kind: 'fail', code: 'STORE_FAILED', applied: true },
  { kind: 'partial-list' },
  { kind: 'empty-list' },
  { kind: 'stale-list' },
];

async function mixedHistory(seed: number): Promise<string> {
  const time = simulateTime({ seed });
  const store = memoryStore({ runtime: time.runtime });
  const log: string[] = [];
  const life = async (node: string) => {
    const runtime = time.process({ driftRate: 0.9 + runtime0.random() / 5 });
    const backend = store.client({ cluster: 'blue', runtime, latency: { requestMs: [1, 40], replyMs: [1, 40] } });
    for (const fault of MIXED) backend.faults.inject({ ...fault, chance: 0.05 });
    for (let round = 0; round < 40; round += 1) {
      const options = { signal: new AbortController().signal, timeoutMs: 1000, clock: runtime.clock };
      const note = (error: unknown) => void log.push(`${time.nowMs} ${node} ${String(error)}`);
      await backend.register(registerRequest(node, { ttlMs: 3000 }), options).catch(note);
      const locked = await backend.lock(lockRequest(node, runtime.uniqueId(), { ttlMs: 2000 }), options).catch(note);
      if (locked?.kind === 'held') {
        const record = clusterRecord(locked.grant.token, { createdBy: node, version: round });
        await backend.unlock(locked.grant, { ...options, record }).catch(note);
      }
      const list = await backend.list(options).catch(note);
      if (list)
        log.push(`${time.nowMs} ${node} sees ${list.members.map((each) => each.node).join()} r${list.revision}`);
    }
  };
  const runtime0 = time.process();
  const lives = Promise.all(['a', 'b', 'c', 'd'].map(life));
  let ended = false;
  void lives.then(() => void (ended = true));
  await time.runUntil(() => ended, { limitMs: 1_000_000 });
  return `${log.join('\n')}\n${historyText(store.history)}`;
}

describe('memory store: many clients under mixed faults', () => {
  it('the same seed makes the same history, to the letter; another seed another', async () => {
    const first = await mixedHistory(11);
    expect(await mixedHistory(11)).toBe(first);
    expect(await mixedHistory(12)).not.toBe(first);
    expect(first).toContain('TIMEOUT');
    expect(first).toContain('record-committed');
  });

  it('never has two holders of a lock, and every commit is under its grant', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const text = await mixedHistory(seed);
      const held = text.split('\n').filter((line) => /blue (locked|unlocked|lock-expired)/.test(line));
      held.forEach((line, index) => expect(line.includes('blue locked')).toBe(index % 2 === 0));
      expect(text).not.toContain('"underLock":false');
    }
  });
});
