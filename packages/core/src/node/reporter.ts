import type { ErrorCode } from '../errors/index.js';
import type { Machine, NodeState, Observation } from '../formation/index.js';
import type { KeeperEvent } from '../session/index.js';
import type { EventHub } from './event.js';
import { type Asked, createStoreReporter } from './store-watch.js';
import { type ClusterView, createViewKeeper } from './view.js';

/** What the node knows of its daemon and its store, and telling of it whenever it changes. */
export interface Reporter {
  readonly daemon: 'up' | 'down' | 'unknown';
  view(nowMs: number): ClusterView;
  stepped(before: Machine, after: Machine, state: NodeState): void;
  /** Answers whether formation has to look. */
  kept(event: KeeperEvent): boolean;
  observed(observation: Observation): void;
  /** The daemon was looked at, and the store was not. */
  glanced(own: Observation['own']): void;
}

export interface ReporterParts {
  readonly events: EventHub;
  readonly warning: { see(state: NodeState): void };
}

export function createReporter({ events, warning }: ReporterParts): Reporter {
  const store = createStoreReporter(events);
  const views = createViewKeeper();
  let shown = 'idle';
  let daemon: Reporter['daemon'] | undefined;

  function storeFailed(asked: Asked, cause: ErrorCode, text: string): void {
    views.failed(cause);
    store.failed(asked, cause, text);
  }

  function glanced(own: Observation['own']): void {
    const { status } = own;
    if (daemon !== undefined && status !== daemon) events.emit('health.changed', { daemon: status });
    daemon = status;
  }

  return {
    glanced,
    get daemon() {
      return daemon ?? 'unknown';
    },
    view: (nowMs) => views.at(nowMs),
    stepped(before, after, state) {
      store.stepped(before, after);
      const now = state.kind === 'waiting' ? `waiting ${state.reason}` : state.kind;
      if (now === shown) return;
      shown = now;
      warning.see(state);
      events.emit('state.changed', { ...state });
    },
    kept(event) {
      switch (event.kind) {
        case 'made':
          events.emit('registration.made', { node: event.registration.node, instance: event.registration.instance });
          store.registered();
          return true;
        case 'renewed':
          store.registered();
          return store.isNews(event.record);
        case 'lost':
          events.emit('registration.lost', {});
          return true;
        case 'conflict':
          store.registered();
          events.emit('registration.lost', { heldBy: event.instance ?? 'another instance' });
          return false;
        case 'failed':
          storeFailed('registration', event.error.code, event.error.message);
          return false;
      }
    },
    observed({ listing, own }) {
      glanced(own);
      if (listing.kind === 'failed') return storeFailed('list', listing.cause, `the list failed: ${listing.text}`);
      store.listed(listing.list);
      const change = views.see(listing.list, listing.askedAtMs);
      if (change) events.emit('view.changed', change);
    },
  };
}
