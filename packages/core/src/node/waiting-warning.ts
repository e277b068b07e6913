import { type NodeState, type WaitReason, waitText } from '../formation/index.js';
import type { CancelTimer, Runtime } from '../runtime/index.js';

const PATIENCE_MS = 5_000;

/** Warns once per reason when a wait lasts, for programs that listen to nothing: silence would look like a hang. */
export function createWaitingWarning(runtime: Runtime, cluster: string): { see(state: NodeState): void; end(): void } {
  const warned = new Set<WaitReason>();
  let watched: WaitReason | undefined;
  let cancel: CancelTimer = () => undefined;
  const end = () => {
    cancel();
    watched = undefined;
  };
  return {
    see(state) {
      if (state.kind !== 'waiting') return end();
      const { reason } = state;
      if (reason === watched) return;
      end();
      if (warned.has(reason)) return;
      watched = reason;
      cancel = runtime.after(PATIENCE_MS, () => {
        warned.add(reason);
        process.emitWarning(`cluster ${cluster}: ${waitText(state)}`, { code: 'AUTOCLUSTER_WAITING' });
      });
    },
    end,
  };
}
