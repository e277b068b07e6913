import { readFileSync } from 'node:fs';
import { type ClusterRecord, isClusterError } from '@autocluster/core/driver';
import { describe, expect, test } from 'vitest';
import { formatNamed, parseClusterStatus, parseEvaluated, parseNamed, parseProbe } from '../src/parse.js';

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const printed = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const failed = expect.objectContaining({ code: 'DRIVER_FAILED' });

const record: ClusterRecord = {
  clusterId: 'c-1',
  generation: 2,
  createdBy: 'rabbit@a',
  createdAt: '2026-01-01T00:00:00.000Z',
  token: 12_345_678_901_234_567_890n,
  version: 3,
  size: 3,
  idle: false,
  removed: ['rabbit@z'],
  settings: { 'cleanup.paused': 'yes' },
  extra: { later: true },
};

describe('the probe', () => {
  const files = ['probe-3.10.8-erl_call.txt', 'probe-3.10.8-eval.txt'];

  test.each(files)('%s says the same, however it was asked', (file) => {
    const probe = parseProbe(parseEvaluated(fixture(file)));
    expect(probe).toMatchObject({ gate: 'booted', running: true, ready: true, readable: true, apart: [] });
    expect([...probe.members].sort()).toEqual(['r4@127.0.0.1', 'r5@127.0.0.1', 'r6@127.0.0.1']);
    expect(probe.contents).toBeUndefined();
    expect(parseNamed(probe.parameter)).toMatchObject({ kind: 'committed', generation: 1, record: { size: 3 } });
  });

  test('S25: what has a field missing is an error, and never a "no"', () => {
    const whole = { gate: 'deciding', members: [], up: [], apart: [], contents: 0, folder: '/data' };
    expect(parseProbe(whole)).toMatchObject({ gate: 'deciding', running: false, contents: 0, parameter: undefined });
    const lenient = Object.keys(whole).filter((name) => {
      try {
        return parseProbe({ ...whole, [name]: undefined }) !== undefined;
      } catch (error) {
        return !isClusterError(error, 'DRIVER_FAILED');
      }
    });
    expect(lenient).toEqual([]);
    expect(() => parseProbe(null)).toThrow(failed);
    expect(() => parseProbe({ ...whole, gate: 'new' })).toThrow(failed);
  });

  test('an expression that failed, and an answer that is none, are errors', () => {
    expect(parseEvaluated(`{ok, "${printed({ value: 7 })}"}`)).toBe(7);
    expect(parseEvaluated(`"${printed({ value: [] })}"\n`)).toEqual([]);
    expect(() => parseEvaluated(`{ok, "${printed({ error: '{error,badarg}' })}"}`)).toThrow(/badarg/);
    expect(() => parseEvaluated('{error, "Incomplete form"}')).toThrow(failed);
    expect(() => parseEvaluated('')).toThrow(failed);
    expect(() => parseEvaluated('{ok, "AAAA"}')).toThrow(failed);
  });
});

describe('the identity in the broker', () => {
  test('comes back as it was written', () => {
    expect(parseNamed(formatNamed(record))).toMatchObject({
      kind: 'committed',
      clusterId: 'c-1',
      generation: 2,
      record,
    });
    const provisional = { clusterId: 'c-1', generation: 2 };
    expect(parseNamed(formatNamed(provisional))).toEqual({ kind: 'provisional', ...provisional });
    expect(parseNamed(undefined)).toBeUndefined();
  });

  test('the VM of the broker finds the word that it looks for', () => {
    expect(formatNamed(record)).toContain('"state":"committed"');
    expect(formatNamed({ clusterId: 'a "state":"committed"', generation: 1 })).not.toContain('"state":"committed"');
  });

  test.each(['', 'x', '[]', '{}', '{"state":"committed"}', '{"state":"committed","record":"{}"}', '{"state":"other"}'])(
    'what cannot be read is an error, and not "no cluster": %s',
    (text) => expect(() => parseNamed(text)).toThrow(failed),
  );
});

describe('cluster_status', () => {
  test('of Mnesia', () => {
    const { members, running, partitions } = parseClusterStatus(fixture('cluster-status-3.10.8-mnesia.json'));
    expect([...members].sort()).toEqual(['rabbit4@127.0.0.1', 'rabbit5@127.0.0.1', 'rabbit6@127.0.0.1']);
    expect([...running].sort()).toEqual([...members].sort());
    expect(partitions).toEqual({});
  });

  test('of Khepri, which has no RAM nodes and tells no partitions', () => {
    const { members, running } = parseClusterStatus(fixture('cluster-status-4.x-khepri.json'));
    expect(members).toEqual(['rabbit4@127.0.0.1', 'rabbit5@127.0.0.1']);
    expect(running).toEqual(['rabbit4@127.0.0.1']);
  });

  test('what it cannot understand is an error', () => {
    expect(() => parseClusterStatus('Error: unable to perform an operation')).toThrow(failed);
    expect(() => parseClusterStatus('{"disk_nodes":["a@b"]}')).toThrow(failed);
    // As RabbitMQ 4.1.3 was seen to print it: joined to one text, the names cannot be told apart.
    expect(() => parseClusterStatus('{"disk_nodes":[],"running_nodes":"a@bc@d"}')).toThrow(failed);
  });
});
