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

const NOT_ASKED = { status: 'unknown', ready: false } as const;

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
      const asked = { node: driver.self, listed: registration() };
      const serving = kind === 'ready' ? await driver.health(asked, { list: undefined }) : NOT_ASKED;
      // The state comes last: the node may have stopped while its daemon was asked.
      const now = { state: shown(state()), daemonBefore: reporter.daemon };
      return probe(kind, { ...now, daemon: serving.status, serves: serving.ready });
    },
  };
}
