/** The answer to one question of a platform. */
export interface Probe {
  readonly ok: boolean;
  /** One sentence for people. */
  readonly detail: string;
}

/**
 * `live`: whether the process should go on; a store that is away, a daemon that is down and a formation that waits are no
 * reason to end it. `started`: whether the node was started; how long it forms is no reason either. `ready`: whether it is
 * formed and its daemon serves.
 */
export type ProbeKind = 'live' | 'started' | 'ready';

export interface ProbeFacts {
  readonly state: { readonly kind: string; readonly text: string };
  /** What the own daemon says now; `unknown`: it did not answer. */
  readonly daemon: 'up' | 'down' | 'unknown';
  /** Whether it says that it can serve. */
  readonly serves: boolean;
  /** What it said at the last look. */
  readonly daemonBefore: 'up' | 'down' | 'unknown';
}

const ENDED: ReadonlySet<string> = new Set(['failed', 'stopping', 'stopped']);

function ready({ state, daemon, serves, daemonBefore }: ProbeFacts): Probe {
  if (state.kind !== 'formed') return { ok: false, detail: state.text };
  // Not knowing changes nothing: one answer that is late must not take a node out of service.
  if (daemon === 'unknown') return { ok: daemonBefore === 'up', detail: 'the daemon does not answer' };
  const isUp = daemon === 'up' && serves;
  return {
    ok: isUp,
    detail: isUp ? 'formed, and the daemon serves' : `the daemon is ${daemon}${serves ? '' : ', not ready'}`,
  };
}

export function probe(kind: ProbeKind, facts: ProbeFacts): Probe {
  const { state } = facts;
  if (kind === 'ready') return ready(facts);
  if (ENDED.has(state.kind)) return { ok: false, detail: state.text };
  return { ok: kind === 'live' || state.kind !== 'idle', detail: state.text };
}
