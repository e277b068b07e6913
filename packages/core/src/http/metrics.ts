import { BRAKE_NAMES } from '../cleanup/index.js';
import { type ClusterNode, EVENT_NAMES } from '../node/index.js';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [value: number, labels?: Labels];

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function line(name: string, [value, labels = {}]: Sample, common: Labels): string {
  const shown = Object.entries({ ...common, ...labels }).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}{${shown.join(',')}} ${value}`;
}

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly Sample[];
}

function stateMetrics({ state, view }: ClusterNode): readonly Metric[] {
  const known = view.kind === 'known' ? view : undefined;
  const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
    name,
    type: 'gauge',
    help,
    samples,
  });
  const labels: Labels = state.kind === 'waiting' ? { state: state.kind, reason: state.reason } : { state: state.kind };
  return [
    gauge('autocluster_formed', 'Whether the node is formed.', [[state.kind === 'formed' ? 1 : 0]]),
    gauge('autocluster_state', 'The state of the node, and the reason of a wait.', [[1, labels]]),
    gauge('autocluster_members_listed', 'Members that the store listed last.', known ? [[known.members.length]] : []),
    gauge('autocluster_view_age_seconds', 'How old the last list is.', known ? [[known.ageMs / 1000]] : []),
    gauge('autocluster_record_size', 'The base of every majority.', known?.record ? [[known.record.size]] : []),
    gauge('autocluster_record_removed', 'Names in removed.', known?.record ? [[known.record.removed.length]] : []),
  ];
}

function counterMetrics({ name, counters, cleanup }: ClusterNode): readonly Metric[] {
  const { executor, counters: counted, stuck } = cleanup.status;
  const counter = (of: string, help: string, samples: readonly Sample[]): Metric => ({
    name: of,
    type: 'counter',
    help,
    samples,
  });
  const held = BRAKE_NAMES.map((brake): Sample => [counted.held[brake] ?? 0, { brake }]);
  const events = EVENT_NAMES.map((event): Sample => [counters[event] ?? 0, { event }]);
  return [
    {
      name: 'autocluster_cleanup_executor',
      type: 'gauge',
      help: 'Whether this node cleans up.',
      samples: [[executor === name ? 1 : 0]],
    },
    {
      name: 'autocluster_cleanup_stuck',
      type: 'gauge',
      help: 'Whether a removal hangs on this node.',
      samples: [[stuck ? 1 : 0]],
    },
    counter('autocluster_cleanup_ticks_total', 'Looks of the executor.', [[counted.ticks]]),
    counter('autocluster_cleanup_removed_total', 'Members that were removed.', [[counted.removed]]),
    counter('autocluster_cleanup_failed_total', 'Removals that failed.', [[counted.failed]]),
    counter('autocluster_cleanup_held_total', 'Ticks in which a brake held.', held),
    counter('autocluster_events_total', 'Events by name.', events),
  ];
}

/** What a node counts, in the text format of Prometheus. Asks nobody. */
export function metricsText(node: ClusterNode): string {
  const common = { cluster: node.cluster, node: node.name };
  const metrics = [...stateMetrics(node), ...counterMetrics(node)].filter(({ samples }) => samples.length > 0);
  const blocks = metrics.map(({ name, type, help, samples }) =>
    [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((each) => line(name, each, common))].join('\n'),
  );
  return `${blocks.join('\n')}\n`;
}
