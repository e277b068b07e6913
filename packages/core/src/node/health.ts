import type { ClusterIdentity, Registration } from '../backend/index.js';
import { type NodeState, waitText } from '../formation/index.js';
import { type HealthReport, observeHealth, type Probe, type ProbeKind, probe, report } from '../health/index.js';
import { anySignal } from '../runtime/index.js';
import type { Foundation } from './foundation.js';

export interface NodeHealthParts extends Pick<Foundation, 'backend' | 'driver' | 'runtime' | 'reporter'> {
  readonly state: () => NodeState;
  readonly standing: () => ClusterIdentity | undefined;
  readonly hasFormed: () => boolean;
  readonly registration: () => Registration | undefined;
}

/** The wiring of health into a node. */
export interface NodeHealth {
  report(signal: AbortSignal | undefined): Promise<HealthReport>;
  probe(kind: ProbeKind): Promise<Probe>;
}

function textOf(state: NodeState): string {
  if (state.kind === 'waiting') return waitText(state);
  return 'cause' in state ? `${state.kind}: ${state.cause}` : state.kind;
}

const shown = (state: NodeState) => ({ kind: state.kind, text: textOf(state) });

export function createNodeHealth(parts: NodeHealthParts): NodeHealth {
  const { backend, driver, runtime, reporter, state, standing, hasFormed, registration } = parts;
  return {
    async report(parent) {
      const scope = anySignal([parent]);
      const held = registration();
      const about = {
        cluster: backend.cluster,
        state: shown(state()),
        standing: standing(),
        hasFormed: hasFormed(),
        registration: held && { instance: held.instance, state: held.state },
      };
      try {
        return report(await observeHealth({ backend, driver, clock: runtime.clock, signal: scope.signal }, about));
      } finally {
        scope.clear();
      }
    },
    async probe(kind) {
      const before = { state: shown(state()), daemonBefore: reporter.daemon };
      if (kind !== 'ready') return probe(kind, { ...before, daemon: 'unknown', serves: false });
      const { status, ready } = await driver.health({ node: driver.self, listed: registration() }, { list: undefined });
      return probe(kind, { ...before, daemon: status, serves: ready });
    },
  };
}
