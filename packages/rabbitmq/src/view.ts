import type { LocalIdentity, Member, Membership, NodeHealth, NodeId } from '@autocluster/core/driver';
import { type Named, parseNamed, type Probe } from './parse.js';
import type { NodeState } from './state-file.js';

const isHeld = ({ gate }: Probe): boolean => gate === 'deciding' || gate === 'confirming';

/** What a broker says of itself. */
export interface BrokerHealth extends NodeHealth {
  /** Whether it lets others into its cluster: a little earlier than it is ready, since a join needs its database only. */
  readonly admits: boolean;
}

/** Whether the broker has no data at all: it waits, before it opens its database, to be told where it belongs. */
export const isVirgin = ({ gate }: Probe): boolean => gate === 'deciding';

/**
 * Whether a broker without data is in touch with others all the same: its database, in memory only, still has the schema of a
 * join that ended before anything was written. It counts others, and they count it, and it has nothing of what they share.
 */
export const isHalfway = (node: NodeId, probe: Probe): boolean =>
  isVirgin(probe) && probe.members.some((member) => member !== node);

/** A boot that RabbitMQ refused because the others do not count this node among them any more. */
export const isCastOut = ({ gate, failure }: Probe): boolean =>
  gate === 'failed' && failure?.includes('inconsistent_cluster') === true;

function identityOf(probe: Probe, named: Named | undefined): LocalIdentity {
  if (named) return { kind: named.kind, clusterId: named.clusterId, generation: named.generation };
  return probe.contents === 0 ? { kind: 'blank' } : { kind: 'unnamed', interruptedJoin: false };
}

/** The groups into which the members have split, as this node sees it. */
function groupsOf({ members, apart }: Probe): readonly (readonly NodeId[])[] {
  if (apart.length === 0) return [];
  return [members.filter((node) => !apart.includes(node)), apart];
}

/** What a broker says about its cluster; undefined while its database cannot be read. */
export function viewOf(node: NodeId, probe: Probe): Membership | undefined {
  if (isVirgin(probe))
    return { identity: { kind: 'blank' }, members: [node], running: [], partitions: [], kept: undefined };
  if (!probe.readable) return undefined;
  const named = parseNamed(probe.parameter);
  return {
    identity: identityOf(probe, named),
    members: probe.members.includes(node) ? probe.members : [node, ...probe.members],
    running: probe.running || isHeld(probe) || probe.gate === 'admitted' ? probe.up : [],
    partitions: groupsOf(probe),
    kept: named?.kind === 'committed' ? named.record : undefined,
  };
}

/** The own broker's view, with what only this machine knows; undefined when it cannot be told now. */
export function ownView(node: NodeId, probe: Probe, state: NodeState): Membership | undefined {
  const told = viewOf(node, probe);
  if (told && state.joining) return { ...told, identity: { kind: 'unnamed', interruptedJoin: true } };
  if (told) return told;
  if (probe.gate === 'booting') return undefined;
  const members = probe.members.includes(node) ? probe.members : [node, ...probe.members];
  const stopped = { members, running: [], partitions: [] };
  if (state.joining) return { ...stopped, identity: { kind: 'unnamed', interruptedJoin: true } };
  if (!state.record) return undefined;
  const { clusterId, generation } = state.record;
  return { ...stopped, identity: { kind: 'committed', clusterId, generation }, kept: state.record };
}

/** The health of a broker that has answered. */
export function healthOf(node: NodeId, probe: Probe): BrokerHealth {
  const view = viewOf(node, probe);
  const isInside = view?.identity.kind === 'committed';
  const closed = { ready: false, admits: false, view };
  if (probe.gate === 'admitted' && isInside) {
    return { ...closed, status: 'up', admits: true, detail: `${node} can be joined, and does not serve yet` };
  }
  if (probe.running) {
    const ready = probe.ready && isInside;
    const detail = ready ? `${node} serves its cluster` : `${node} runs, and is not ready`;
    return { status: 'up', ready, admits: ready, detail, view };
  }
  if (isHeld(probe)) return { ...closed, status: 'up', detail: `${node} waits for its cluster` };
  if (probe.gate === 'booting' || probe.booting) return { ...closed, status: 'unknown', detail: `${node} boots` };
  const why = probe.failure === undefined ? '' : `: ${probe.failure.slice(0, 200)}`;
  return { ...closed, status: 'down', detail: `the broker of ${node} does not run${why}` };
}

/**
 * Nodes of RabbitMQ's own discovery are listed when they serve, without an identity. Clients may be on such a node already,
 * also while it holds nothing that could be counted: it is not blank.
 */
export function asListed(health: BrokerHealth, { gate }: Probe, listed: Member | undefined): BrokerHealth {
  const { view } = health;
  const isNative = gate === 'none' && listed?.state === 'ready' && listed.identity === undefined;
  if (!isNative || view?.identity.kind !== 'blank') return health;
  return { ...health, view: { ...view, identity: { kind: 'unnamed', interruptedJoin: false } } };
}
