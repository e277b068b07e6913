import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs';

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

export function openNotice(file: string): Notice {
  const descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  const listeners = new Set<Listener>();
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
  const start = () => {
    // `rename`: the file was removed or replaced, so that the others touch another one.
    watcher = watch(file, (event) => (event === 'change' ? tell('changed') : fail()));
    watcher.on('error', fail);
  };
  return {
    touch() {
      try {
        writeSync(descriptor, '.', 0);
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
      fail();
      closeSync(descriptor);
    },
  };
}
