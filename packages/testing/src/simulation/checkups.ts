import type { HealthReport } from '@autocluster/core';
import { pause } from '@autocluster/core/runtime';
import type { Actor } from './actor.js';
import type { NodeFact } from './facts.js';

/** Where somebody asks nodes how they are, and who is told of the answers. */
export interface Surgery {
  readonly traits: { readonly ttlMs: number };
  tell(actor: Actor, fact: NodeFact): void;
}

const failingIn = ({ checks }: HealthReport): readonly string[] =>
  checks.filter(({ status }) => status !== 'ok').map(({ name, evidence }) => `${name}: ${evidence}`);

/** Asks the node for its health again and again, as a monitor does, until it ends. */
export async function checkUp(actor: Actor, surgery: Surgery): Promise<void> {
  const { process, node } = actor;
  const over = new AbortController();
  void node.ended.then(() => over.abort());
  while (!over.signal.aborted) {
    await pause(process, process.random() * surgery.traits.ttlMs, over.signal);
    if (over.signal.aborted) return;
    surgery.tell(actor, { kind: 'health-asked' });
    actor.reporting = true;
    // The list is asked for at once, before anything else can be asked.
    const reporting = node.health();
    actor.reporting = false;
    try {
      const report = await reporting;
      surgery.tell(actor, { kind: 'health-told', status: report.status, failing: failingIn(report) });
    } catch (error) {
      surgery.tell(actor, { kind: 'health-refused', text: String(error) });
    }
  }
}
