import type { Actor } from '../actor.js';
import type { Stage } from '../stage.js';

/** Instead of a text: the record of another cluster, well-formed. */
export const FOREIGN = 'foreign';
/** Instead of a text: an older record, of before a member that was removed came back. */
export const REMOVED = 'removed';
export const DAMAGES = ['', '{', '[]', '{"format":1}', '\u0000', FOREIGN, FOREIGN];

const withFields = (recordText: string, more: object): string => {
  const fields: unknown = JSON.parse(recordText);
  return JSON.stringify({ ...(typeof fields === 'object' ? fields : {}), ...more });
};

function damagedText(stage: Stage, recordText: string, damage: string): string {
  if (damage === FOREIGN) return withFields(recordText, { clusterId: FOREIGN });
  if (damage !== REMOVED) return damage;
  const members = formed(stage).map(({ name }) => name);
  // Whom the next one would join.
  const [removed] = stage.traits.select === 'first-by-name' ? members.sort() : members;
  return withFields(recordText, { removed: [removed] });
}

const formed = ({ living }: Stage) => living.filter(({ formedIn }) => formedIn !== undefined);

/** In the moment in which one that is not in looks whom it may join. */
export function damageUnderLook(stage: Stage, id: string, forMs: number): void {
  const look = (actor: Actor) => {
    if (actor.formedIn === undefined && formed(stage).length > 1) damageRecord(stage, id, REMOVED, forMs);
    else damageUnderLook(stage, id, forMs);
  };
  stage.atNext({ verb: 'list', node: undefined, when: 'sent' }, look, stage.plan.healAtMs - stage.nowMs);
}

/** What lies in the store instead of the record, and is to be taken away again. */
const damages = new WeakMap<Stage, string>();

/** Somebody changes the text of the record, for a while; what is damaged already is left alone, or it would come back for good. */
export function damageRecord(stage: Stage, id: string, damage: string, forMs: number): void {
  const { recordText, record } = stage.cluster.inspect();
  if (recordText === undefined || record.kind !== 'present' || record.record.clusterId === FOREIGN) return;
  if (recordText === damages.get(stage)) return;
  const text = damagedText(stage, recordText, damage);
  stage.struck(id, 'the record');
  stage.cluster.overwriteRecord(text);
  damages.set(stage, text);
  stage.during(forMs, () => {
    if (stage.cluster.inspect().recordText === text) stage.cluster.overwriteRecord(recordText);
  });
}
