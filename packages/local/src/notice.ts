import { closeSync, constants, type FSWatcher, fstatSync, openSync, watch, writeSync } from 'node:fs';
import { closedError } from './errors.js';

/** `changed`: some process wrote something that others want to know. `broken`: nothing more will be told. */
export type News = 'changed' | 'broken';
export type Listener = (news: News) => void;

/** A file that every process touches after a write that others want to know, so that the system wakes those who watch it. */
export interface Notice {
  /** Wakes the listeners of all processes, this one's included. */
  touch(): void;
  /** Watching begins with the first listener and ends with the last; throws what the system throws. */
  listen(listener: Listener): () => void;
  close(): void;
}

const open = (file: string): number => openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);

export function openNotice(file: string): Notice {
  const listeners = new Set<Listener>();
  let descriptor: number | undefined = open(file);
  let closed = false;
  let watcher: FSWatcher | undefined;

  const tell = (news: News) => {
    for (const listener of listeners) listener(news);
  };
  const stop = () => {
    watcher?.close();
    watcher = undefined;
  };
  const fail = () => {
    stop();
    tell('broken');
    listeners.clear();
  };
  /** What was closed is forgotten: the system gives its number to the next file that is opened. */
  const release = () => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const hear = () => {
    if (descriptor !== undefined && fstatSync(descriptor).nlink > 0) return tell('changed');
    // Somebody removed the file, maybe with its folder. Others make it again, and the next touch is for that one.
    fail();
    release();
  };
  const opened = (): number => {
    if (closed) throw closedError('watch', false);
    return (descriptor ??= open(file));
  };
  const start = () => {
    opened();
    watcher = watch(file, hear);
    watcher.on('error', fail);
  };
  return {
    touch() {
      try {
        writeSync(opened(), '.', 0);
      } catch {
        // A hint that is lost costs time only: the write that it tells of is done.
      }
    },
    listen(listener) {
      if (watcher === undefined) start();
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) stop();
      };
    },
    close() {
      closed = true;
      fail();
      release();
    },
  };
}
