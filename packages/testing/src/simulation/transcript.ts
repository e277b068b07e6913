import type { NodeState } from '@autocluster/core';
import type { DaemonEvent } from '../daemon/index.js';
import type { StoreEvent } from '../store/index.js';
import type { Actor } from './actor.js';
import type { Call, NodeFact } from './facts.js';
import type { Stage } from './stage.js';

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
const text = (value: unknown): string => JSON.stringify(value, plain) ?? '';

function stateText(state: NodeState): string {
  if (state.kind === 'waiting') return `waiting ${state.reason}`;
  if (state.kind === 'formed') return `formed ${state.identity.clusterId}/${state.identity.generation} ${state.role}`;
  return 'cause' in state ? `${state.kind} ${state.cause}` : state.kind;
}

function storeText({ atMs: _at, store, cluster: _cluster, revision, kind, ...facts }: StoreEvent): string {
  return `store  ${kind} ${text(facts)} ${store}@${revision}`;
}

function daemonText({ atMs: _at, kind, ...facts }: DaemonEvent): string {
  return `daemon ${kind} ${text(facts)}`;
}

function nodeText(actor: Actor, fact: NodeFact): string | undefined {
  const who = actor.label.padEnd(6);
  if (fact.kind === 'state') return `${who} is ${stateText(fact.state)}`;
  if (fact.kind === 'event') {
    const { name, data } = fact.event;
    return name === 'state.changed' || name === 'view.changed' ? undefined : `${who} ${name} ${text(data)}`;
  }
  const { kind, ...facts } = fact;
  return `${who} ${kind}${Object.keys(facts).length > 0 ? ` ${text(facts)}` : ''}`;
}

const WORK: ReadonlySet<string> = new Set(['create', 'join', 'committed', 'leave', 'reset', 'forget']);

function callText({ actor, verb, request, end }: Call): string | undefined {
  if (!WORK.has(verb)) return undefined;
  const who = actor.label.padEnd(6);
  if (end) return `${who} ${verb} ${end.kind}${end.kind === 'rejected' ? ` ${String(end.value)}` : ''}`;
  const about = typeof request === 'object' && request !== null && 'seed' in request ? `at ${seedOf(request)}` : '';
  return `${who} asks its daemon to ${verb} ${about}`.trimEnd();
}

function seedOf({ seed }: { readonly seed: unknown }): string {
  return typeof seed === 'object' && seed !== null && 'node' in seed ? String(seed.node) : '?';
}

/** Writes down everything that happens from now on, one line for each fact, with the true time in seconds. */
export function writeTranscript(stage: Stage): readonly string[] {
  const lines: string[] = [];
  const write = (line: string | undefined) => {
    if (line !== undefined) lines.push(`${(stage.nowMs / 1_000).toFixed(3).padStart(9)}  ${line}`);
  };
  stage.listen({
    store: (event) => write(storeText(event)),
    daemon: (event) => write(daemonText(event)),
    node: (actor, fact) => write(nodeText(actor, fact)),
    sent: (call) => write(callText(call)),
    answered: (call) => write(callText(call)),
    struck: (fault, about) => write(`fault ${fault.padStart(2)} strikes ${about}`),
  });
  return lines;
}
