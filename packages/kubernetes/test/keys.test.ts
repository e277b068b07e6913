import { nameProblem } from '@autocluster/core/backend';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keysOf, labelOf } from '../src/keys.js';
import { Contact, Sightings } from '../src/sightings.js';
import { readLease } from '../src/lease.js';

const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.stringMatching(/^[-a-z0-9@.]{1,30}$/),
    fc.constantFrom(
      'rabbit@host-1',
      'a',
      '0',
      '0-',
      '0--30',
      '--',
      'a-',
      '-a',
      'a--b',
      'A',
      'ß',
      '🐇@x',
      'x'.repeat(253),
    ),
  )
  .filter((text) => nameProblem(text) === undefined);

/** What a person, or another program, does to read a label back. */
function decoded(label: string): string {
  const body = label.startsWith('0--') ? label.slice(1) : label;
  const bytes = body.match(/--[0-9a-f]{2}|[^]/g) ?? [];
  return Buffer.from(
    bytes.map((each) => (each.length > 1 ? Number.parseInt(each.slice(2), 16) : each.charCodeAt(0))),
  ).toString();
}

/** What Kubernetes asks of the name of an object, and of the value of a label. */
const OBJECT = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

describe('keys', () => {
  test('S74: every name has one label, and no other name has it', () => {
    fc.assert(
      fc.property(name, name, (one, two) => {
        expect(labelOf(one) === labelOf(two)).toBe(one === two);
        if (!labelOf(one).includes('---')) expect(decoded(labelOf(one))).toBe(one);
      }),
      { numRuns: 2000 },
    );
  });

  test('names of objects and labels are such as Kubernetes takes, however long the names are', () => {
    fc.assert(
      fc.property(name, name, (cluster, node) => {
        const keys = keysOf(cluster);
        for (const place of [keys.formation, keys.member(node), keys.lock(node)]) {
          expect(place).toMatch(OBJECT);
          expect(place.length).toBeLessThanOrEqual(253);
        }
        for (const value of Object.values(keys.labels('member'))) expect(value).toMatch(LABEL);
      }),
      { numRuns: 1000 },
    );
  });

  test('members and locks of all clusters lie apart', () => {
    fc.assert(
      fc.property(name, name, name, name, (cluster, other, node, lock) => {
        const places = [keysOf(cluster).member(node), keysOf(cluster).lock(lock)];
        expect(new Set(places).size).toBe(2);
        if (cluster !== other) expect(places).not.toContain(keysOf(other).member(node));
      }),
    );
  });

  test('plain names stay as they are, for those who type them', () => {
    expect(keysOf('orders').formation).toBe('autocluster.orders.lock.formation');
    expect(keysOf('my-orders').member('rabbit@host-1')).toBe('autocluster.my-orders.member.rabbit--40host-1');
  });
});

describe('silence', () => {
  const lease = (resourceVersion: string) =>
    readLease({ metadata: { name: 'a', uid: 'u', resourceVersion }, spec: { leaseDurationSeconds: 3 } });

  test('counts from the first answer that showed the state to the last question', () => {
    const sightings = new Sightings();
    expect(sightings.unchangedMs(lease('1'), 100)).toBe(0);
    sightings.see(lease('1'), 100);
    sightings.see(lease('1'), 5_000);
    expect(sightings.unchangedMs(lease('1'), 6_000)).toBe(5_900);
    sightings.see(lease('2'), 7_000);
    expect(sightings.unchangedMs(lease('2'), 7_500)).toBe(500);
    expect(sightings.unchangedMs(lease('1'), 7_500)).toBe(0);
  });

  test('counts anew after a gap in which the store did not answer', () => {
    const contact = new Contact();
    expect(contact.withoutGapMs(1_000, 0)).toBe(0);
    for (const at of [0, 900, 1_800, 5_000, 5_900]) contact.answered(at);
    expect(contact.withoutGapMs(1_000, 6_000)).toBe(1_000);
    expect(contact.withoutGapMs(4_000, 6_000)).toBe(6_000);
    expect(contact.withoutGapMs(1_000, 7_000)).toBe(0);
  });
});
