import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort } from '../../src/runtime/deadline.js';

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('what waits for a signal', () => {
  it('adds one listener to it, however many wait, and takes it away with the last', () => {
    const { signal } = new AbortController();
    const letGo = Array.from({ length: 50 }, () => onAbort(signal, () => undefined));
    expect(listenersOf(signal)).toBe(1);
    for (const release of letGo) release();
    expect(listenersOf(signal)).toBe(0);
    const again = onAbort(signal, () => undefined);
    for (const release of letGo) release();
    expect(listenersOf(signal)).toBe(1);
    again();
    expect(listenersOf(signal)).toBe(0);
  });

  it('is told once and in order, each time that it asked, save what has let go meanwhile', () => {
    const controller = new AbortController();
    const told: unknown[] = [];
    const listener = (reason: unknown) => told.push(reason);
    let letGo = () => undefined as void;
    onAbort(controller.signal, listener);
    onAbort(controller.signal, () => letGo());
    letGo = onAbort(controller.signal, () => told.push('let go'));
    onAbort(controller.signal, listener);
    controller.abort('over');
    onAbort(controller.signal, () => told.push('at once'));
    expect(told).toEqual(['over', 'over', 'at once']);
  });
});
