import type { Backend, InstanceId } from '../backend/index.js';
import { guardBackend, type GuardedBackend, isGuarded, sourceOf } from '../guard/index.js';
import type { Runtime } from '../runtime/index.js';
import { createQueue, type Queue } from './queue.js';

/** What all locks of one backend in this process share. */
export interface Room {
  readonly instance: InstanceId;
  /** One queue for each lock name that somebody wants. */
  readonly queues: Map<string, Queue>;
  /** Made for a backend that came without a guard; then kept, since it remembers what must be undone. */
  guarded: GuardedBackend | undefined;
}

const CALL_TIMEOUT_MS = 5_000;
const rooms = new WeakMap<object, Room>();

/** The guard to use, and the room that all guards of the same backend share. */
export function enterRoom(backend: Backend | GuardedBackend, runtime: Runtime) {
  const source = isGuarded(backend) ? (sourceOf(backend) ?? backend) : backend;
  const room: Room = rooms.get(source) ?? { instance: runtime.uniqueId(), queues: new Map(), guarded: undefined };
  const guarded = isGuarded(backend)
    ? backend
    : (room.guarded ?? guardBackend(backend, { runtime, callTimeoutMs: CALL_TIMEOUT_MS }));
  if (guarded !== backend) room.guarded = guarded;
  rooms.set(source, room);
  return { room, guarded };
}

export function queueOf({ queues }: Room, name: string): Queue {
  const queue = queues.get(name) ?? createQueue(() => queues.delete(name));
  queues.set(name, queue);
  return queue;
}
