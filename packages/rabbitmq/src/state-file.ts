import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ClusterRecord, decodeRecord, encodeRecord } from '@autocluster/core/driver';
import { brokerError } from './errors.js';

/** What has to be known while the broker cannot say it. The broker's own data count wherever they can be read. */
export interface NodeState {
  /** A join began, and was not confirmed. */
  readonly joining: boolean;
  /** The record that was last given to `committed`. */
  readonly record: ClusterRecord | undefined;
}

const NOTHING: NodeState = { joining: false, record: undefined };

const isMissing = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT';

function decode(text: string, path: string): NodeState {
  const broken = (cause?: unknown) =>
    brokerError(`${path} cannot be understood`, { operation: 'state', retryable: false, cause });
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw broken(cause);
  }
  if (typeof fields !== 'object' || fields === null || !('joining' in fields)) throw broken();
  const stored = 'record' in fields && typeof fields.record === 'string' ? decodeRecord(fields.record) : undefined;
  if (stored !== undefined && stored.kind !== 'present') throw broken();
  return { joining: fields.joining === true, record: stored?.record };
}

/** A small file beside the data of the broker, so that both are lost together. */
export class StateFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Beside the folder, never inside: RabbitMQ takes a folder that is not empty for a node that is not new. */
  static beside(folder: string, node: string): StateFile {
    return new StateFile(join(dirname(folder), `${node}.autocluster.json`));
  }

  read(): NodeState {
    try {
      return decode(readFileSync(this.path, 'utf8'), this.path);
    } catch (error) {
      if (isMissing(error)) return NOTHING;
      throw error;
    }
  }

  write({ joining, record }: NodeState): void {
    const unfinished = `${this.path}.new`;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      writeFileSync(unfinished, JSON.stringify({ joining, ...(record && { record: encodeRecord(record) }) }), {
        mode: 0o600,
        flush: true,
      });
      renameSync(unfinished, this.path);
    } catch (cause) {
      throw brokerError(`${this.path} cannot be written`, { operation: 'state', retryable: false, cause });
    }
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}
