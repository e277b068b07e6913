import type { DaemonWorld } from '../daemon/index.js';
import type { Actor } from './actor.js';

/** Where machines stand. */
export interface Hall {
  readonly daemons: Pick<DaemonWorld, 'daemon'>;
  current(name: string): Actor | undefined;
  crash(actor: Actor): void;
  during(forMs: number, end: () => void): void;
  launchLater(name: string, delayMs: number): void;
}

export type Loss = 'powerOff' | 'stop' | 'crash';

/** Machines that are away, process and daemon and all. */
export class Machines {
  readonly lost = new Set<string>();
  readonly #hall: Hall;

  constructor(hall: Hall) {
    this.#hall = hall;
  }

  /** For a time, or until somebody brings it back. `crash`: its process alone, and the daemon goes on by itself. */
  lose(name: string, how: Loss, forMs: number | undefined): void {
    const actor = this.#hall.current(name);
    if (!actor || this.lost.has(name)) return;
    this.#hall.crash(actor);
    if (how !== 'crash') this.#hall.daemons.daemon(name)[how]();
    this.lost.add(name);
    if (forMs !== undefined) this.#hall.during(forMs, () => this.bringBack(name));
  }

  /** It runs again, with the data that it had. */
  bringBack(name: string): void {
    if (!this.lost.delete(name)) return;
    this.startDaemon(name);
    this.#hall.launchLater(name, 0);
  }

  /** Unless its whole machine is away. */
  startDaemon(name: string): void {
    if (!this.lost.has(name)) this.#hall.daemons.daemon(name).start();
  }
}
