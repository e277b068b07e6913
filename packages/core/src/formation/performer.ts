import { FORMATION_LOCK, type InstanceId } from '../backend/index.js';
import type { LocalIdentity } from '../driver/index.js';
import { ClusterError } from '../errors/index.js';
import type { DriverGuardCall, GuardedBackend, GuardedDriver } from '../guard/index.js';
import { anySignal, jitteredMs, type Runtime, timestamp } from '../runtime/index.js';
import { type LeaseTiming, type LockKeeper, type RegistrationKeeper, requestOnce } from '../session/index.js';
import { type FormationConfig, glanceMs, relistMs } from './config.js';
import type { AwaitedEffect } from './effect.js';
import type { Reply } from './event.js';
import type { Standpoint } from './machine.js';
import type { Listing, Observation } from './observation.js';
import { glance, inspectOwn, type Observer, observe } from './observe.js';
import { sameLocalIdentity } from './situation.js';
import { createSleeper, type Sleeper } from './sleeper.js';

export interface PerformerParts {
  readonly config: FormationConfig;
  readonly backend: GuardedBackend;
  readonly driver: GuardedDriver;
  readonly runtime: Runtime;
  readonly keeper: RegistrationKeeper;
  readonly timing: LeaseTiming;
  readonly instance: InstanceId;
  readonly metadata: () => Readonly<Record<string, string>>;
  /** The store was asked, and the look goes on. */
  readonly onListing: (listing: Listing) => void;
  readonly onObservation: (observation: Observation) => void;
  /** The daemon was looked at, and the store was not. */
  readonly onGlance: (observation: Observation) => void;
}

/** A reply before it is known whether anybody still waits for it. */
export type ReplyBody = Reply extends infer R ? (R extends Reply ? Omit<R, 'ticket' | 'nowMs'> : never) : never;

/** Does what the machine asks for: the only place of formation that touches store, daemon and time. */
export class Performer {
  readonly #parts: PerformerParts;
  readonly #stopping: AbortSignal;
  readonly #onGrantLost: () => void;
  readonly #sleeper: Sleeper;
  readonly #observer: Observer;
  #lock: LockKeeper | undefined;
  #latest: Extract<Listing, { kind: 'listed' }> | undefined;
  #relistAtMs = 0;
  #watchedSinceMs: number | undefined;
  #turn = 0;

  constructor(parts: PerformerParts, stopping: AbortSignal, onGrantLost: () => void) {
    const { config, backend, driver, runtime, keeper, instance, onListing } = parts;
    this.#parts = parts;
    this.#stopping = stopping;
    this.#onGrantLost = onGrantLost;
    this.#sleeper = createSleeper(runtime, stopping);
    this.#observer = {
      config,
      backend,
      driver,
      clock: runtime.clock,
      announced: () => keeper.announced && { ...keeper.announced, instance },
      latest: () => this.#latest?.list,
      onListing,
      signal: stopping,
    };
  }

  /** Something may have changed in the store. */
  hint(): void {
    this.#sleeper.hint();
  }

  /** Whether the store tells of changes from now on. */
  watched(isOpen: boolean): void {
    this.#watchedSinceMs = isOpen ? this.#parts.runtime.clock.monotonicMs() : undefined;
  }

  perform(effect: AwaitedEffect): Promise<ReplyBody> {
    switch (effect.kind) {
      case 'inspect':
        this.#sleeper.forgetHints();
        return inspectOwn(this.#observer).then((own) => ({ kind: 'inspected', own }));
      case 'announce':
        return this.#announce(effect.standpoint);
      case 'glance':
        return this.#glance();
      case 'observe':
        return this.#look(effect);
      case 'lock':
        return this.#acquire();
      case 'unlock':
        return this.#unlock(effect);
      case 'work':
        return this.#work(effect).then(() => ({ kind: 'worked' }));
      case 'wake':
        return this.#sleeper.sleep(effect).then((waking) => ({ kind: 'woke', news: this.#isNews(), ...waking }));
    }
  }

  /** Releases what is held, if the store lets us; otherwise it lapses. */
  async letGo(): Promise<void> {
    const held = this.#lock;
    this.#lock = undefined;
    await held?.release({}).catch(() => undefined);
  }

  /** What may still run must not be overtaken by others: the lock is left to lapse. */
  abandonLock(): void {
    this.#lock?.abandon();
    this.#lock = undefined;
  }

  async #announce(standpoint: Standpoint): Promise<ReplyBody> {
    const { runtime, keeper, metadata } = this.#parts;
    const sentAtMs = runtime.clock.monotonicMs();
    const outcome = await keeper.announce({ ...standpoint, metadata: metadata() });
    return { kind: 'announced', outcome, sentAtMs };
  }

  async #look(effect: Extract<AwaitedEffect, { kind: 'observe' }>): Promise<ReplyBody> {
    this.#sleeper.forgetHints();
    this.#turn += 1;
    const observation = await observe(this.#observer, effect, this.#turn);
    const { listing } = observation;
    if (listing.kind === 'listed') {
      const { config, runtime } = this.#parts;
      this.#latest = listing;
      this.#relistAtMs = listing.askedAtMs + jitteredMs(relistMs(config), runtime.random());
    }
    // What our own end has cut short says nothing about the store.
    if (!this.#stopping.aborted) this.#parts.onObservation(observation);
    return { kind: 'observed', observation };
  }

  async #glance(): Promise<ReplyBody> {
    this.#turn += 1;
    const listing: Listing = this.#latest ?? {
      kind: 'failed',
      cause: 'STORE_FAILED',
      text: 'no list has come yet',
    };
    const observation = await glance(this.#observer, listing, this.#turn);
    this.#parts.onGlance(observation);
    return { kind: 'glanced', observation };
  }

  /** Whether the latest list may be out of date, or will be before the next time that this is asked. */
  #isNews(): boolean {
    const { config, runtime } = this.#parts;
    const untold =
      this.#watchedSinceMs === undefined || this.#latest === undefined || this.#latest.askedAtMs < this.#watchedSinceMs;
    if (this.#sleeper.hinted || (config.listsWhenTold && untold)) return true;
    return runtime.clock.monotonicMs() + glanceMs(config) > this.#relistAtMs;
  }

  async #acquire(): Promise<ReplyBody> {
    const { backend, runtime, config, timing, instance } = this.#parts;
    const attempt = runtime.uniqueId();
    const request = { name: FORMATION_LOCK, node: config.self, instance, attempt, ttlMs: config.ttlMs };
    const call = { signal: this.#stopping };
    const asked = { backend, runtime, timing, request, call, onLost: this.#onGrantLost };
    const outcome = await requestOnce(asked).catch((error: unknown) => {
      // What this attempt may still get must not hold up the next one.
      void backend.giveUpLock(request);
      throw error;
    });
    const minted = { clusterId: runtime.uniqueId(), createdAt: timestamp(runtime.clock) };
    if (outcome.kind !== 'held') return { kind: 'locked', outcome, minted };
    this.#lock = outcome.keeper;
    return { kind: 'locked', outcome: { kind: 'held', grant: outcome.keeper.grant }, minted };
  }

  async #unlock({ record }: Extract<AwaitedEffect, { kind: 'unlock' }>): Promise<ReplyBody> {
    const held = this.#lock;
    if (!held) return { kind: 'unlocked', outcome: { kind: 'lost' } };
    try {
      const outcome = await held.release({ signal: this.#stopping, record });
      this.#lock = undefined;
      return { kind: 'unlocked', outcome };
    } catch (error) {
      // After a commit of unknown outcome the lock itself is still to be released, and after our own end by whoever ends us;
      // otherwise it is left to lapse.
      if (record === undefined && !this.#stopping.aborted) this.#lock = undefined;
      throw error;
    }
  }

  /** Between the look and now somebody may have put other data in its place: that nobody has decided to destroy. */
  async #assertStillHas(expected: LocalIdentity, call: DriverGuardCall): Promise<void> {
    const { identity } = await this.#parts.driver.membership(call);
    if (sameLocalIdentity(identity, expected)) return;
    const text = `the daemon's data is ${identity.kind} by now; to be destroyed was what was ${expected.kind}`;
    throw new ClusterError('DRIVER_FAILED', text, { operation: 'reset' });
  }

  /** The daemon's work is aborted with the lock that it runs under, and not begun without it. */
  async #work({ work, underLock }: Extract<AwaitedEffect, { kind: 'work' }>): Promise<void> {
    const { driver } = this.#parts;
    const lock = underLock ? this.#lock : undefined;
    if (underLock && !lock)
      throw new ClusterError('LOCK_LOST', `the lock ended before ${work.verb}`, { operation: work.verb });
    lock?.assertHeld();
    const { signal, clear } = anySignal([this.#stopping, lock?.signal]);
    const call = { signal, list: this.#latest?.list };
    try {
      switch (work.verb) {
        case 'create':
          return await driver.create(work, call);
        case 'join':
          return await driver.join(work, call);
        case 'committed':
          return await driver.committed(work.record, call);
        case 'reset':
          await this.#assertStillHas(work.of, call);
          return await driver.reset(call);
      }
    } finally {
      clear();
    }
  }
}
