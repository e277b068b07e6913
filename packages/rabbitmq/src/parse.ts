import { type ClusterIdentity, type ClusterRecord, decodeRecord, encodeRecord } from '@autocluster/core/driver';
import type { GateState } from './gate.js';
import { brokerError } from './errors.js';

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isText = (value: unknown): value is string => typeof value === 'string';
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const wrong = (what: string, text: string) =>
  brokerError(`the broker answered something else than ${what}: ${text.slice(0, 300)}`, { operation: 'parse' });

/** The value of an expression that `evaluated` wrapped, as erl_call or `rabbitmqctl eval` prints it. */
export function parseEvaluated(printed: string): unknown {
  const encoded = /"([A-Za-z0-9+/=]*)"\}?\s*$/.exec(printed)?.[1];
  const answer = encoded === undefined ? undefined : json(Buffer.from(encoded, 'base64').toString('utf8'));
  if (!isFields(answer)) throw wrong('the value of an expression', printed);
  if (isText(answer['error'])) throw brokerError(`the broker failed: ${answer['error']}`, { operation: 'evaluate' });
  return answer['value'];
}

/** What a broker says of itself. */
export interface Probe {
  readonly gate: GateState;
  /** Why its boot failed. */
  readonly failure: string | undefined;
  readonly running: boolean;
  readonly ready: boolean;
  /** It is being started now, by whomever. */
  readonly booting: boolean;
  /** Its database is open, so that what it says of its contents is the truth. */
  readonly readable: boolean;
  readonly members: readonly string[];
  readonly up: readonly string[];
  /** Members that it does not count as running, and that are. */
  readonly apart: readonly string[];
  readonly parameter: string | undefined;
  /** How much it holds beyond what a first boot makes; undefined when that is not known. */
  readonly contents: number | undefined;
  /** RabbitMQ's own identity of the cluster. */
  readonly native: string | undefined;
  readonly folder: string;
}

const GATE_STATES: readonly GateState[] = [
  'idle',
  'booting',
  'deciding',
  'confirming',
  'admitted',
  'booted',
  'failed',
  'none',
];
const textOr = (value: unknown): string | undefined => (isText(value) ? value : undefined);

/** Reads the answer to the probe; rejects what it does not understand, which is never "no". */
export function parseProbe(value: unknown): Probe {
  const fields = isFields(value) ? value : {};
  const { members, up, apart, contents, running, ready, booting, readable, folder } = fields;
  const gate = GATE_STATES.find((state) => state === fields['gate']);
  const isWhole = gate !== undefined && isTexts(members) && isTexts(up) && isTexts(apart) && isText(folder);
  if (!isWhole || typeof contents !== 'number') throw wrong('a probe', JSON.stringify(value) ?? 'nothing');
  return {
    gate,
    failure: textOr(fields['failure']),
    running: running === true,
    ready: ready === true,
    booting: booting === true,
    readable: readable === true,
    members,
    up,
    apart,
    parameter: textOr(fields['parameter']),
    contents: contents < 0 ? undefined : contents,
    native: textOr(fields['native']),
    folder,
  };
}

/** What the replicated parameter of the broker says. */
export type Named =
  | ({ readonly kind: 'provisional' } & ClusterIdentity)
  | ({ readonly kind: 'committed'; readonly record: ClusterRecord } & ClusterIdentity);

export function formatNamed(named: ClusterIdentity | ClusterRecord): string {
  const { clusterId, generation } = named;
  // The state comes first and in this form: the broker's own VM looks for it.
  if (!('version' in named)) return JSON.stringify({ state: 'provisional', clusterId, generation });
  return JSON.stringify({ state: 'committed', record: encodeRecord(named) });
}

/** undefined: it names nothing. Rejects what it cannot read: somebody else's cluster must not look like no cluster. */
export function parseNamed(text: string | undefined): Named | undefined {
  if (text === undefined) return undefined;
  const fields = json(text);
  if (isFields(fields)) {
    const { state, clusterId, generation, record } = fields;
    if (state === 'provisional' && isText(clusterId) && typeof generation === 'number') {
      return { kind: 'provisional', clusterId, generation };
    }
    const stored = state === 'committed' && isText(record) ? decodeRecord(record) : undefined;
    if (stored?.kind === 'present') {
      const { clusterId: id, generation: counted } = stored.record;
      return { kind: 'committed', clusterId: id, generation: counted, record: stored.record };
    }
  }
  throw wrong('an identity', text);
}

/** What `rabbitmqctl cluster_status --formatter json` says, with Mnesia and with Khepri. */
export interface ClusterStatus {
  readonly members: readonly string[];
  readonly running: readonly string[];
  /** Members that a member does not see, by the member that says so. */
  readonly partitions: Readonly<Record<string, readonly string[]>>;
}

export function parseClusterStatus(printed: string): ClusterStatus {
  const fields = json(printed.trim());
  if (!isFields(fields)) throw wrong('a cluster status', printed);
  const { disk_nodes: disk, ram_nodes: ram = [], running_nodes: running, partitions = {} } = fields;
  if (!isTexts(disk) || !isTexts(ram) || !isTexts(running)) throw wrong('a cluster status', printed);
  const groups = isFields(partitions) ? Object.entries(partitions) : [];
  const told = groups.map(([node, others]): [string, readonly string[]] => [node, isTexts(others) ? others : []]);
  return { members: [...new Set([...disk, ...ram])], running, partitions: Object.fromEntries(told) };
}
