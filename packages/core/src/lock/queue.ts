import type { NodeId } from '../backend/index.js';

/** The place of one contender. */
export interface Turn {
  /** Settles when it is first. */
  readonly come: Promise<void>;
  /** It has the lock now: for those behind it that is progress. */
  readonly won: () => void;
  /** Lets the next one go, or leaves the queue before the turn has come. Idempotent. */
  readonly leave: () => void;
}

/** Contenders of one process for one lock, first come first served: only the first of them asks the store. */
export interface Queue {
  /** Who is first; undefined when nobody is there. */
  readonly first: { readonly owner: NodeId; readonly hasWon: boolean } | undefined;
  /** `onWon`: somebody before it got the lock. */
  enter(owner: NodeId, onWon: (holder: NodeId) => void): Turn;
}

interface Place {
  readonly owner: NodeId;
  hasWon: boolean;
  readonly onTurn: () => void;
  readonly onWon: (holder: NodeId) => void;
}

export function createQueue(onEmpty: () => void): Queue {
  const places: Place[] = [];

  function leave(place: Place): void {
    const index = places.indexOf(place);
    if (index < 0) return;
    places.splice(index, 1);
    if (places.length === 0) return onEmpty();
    if (index === 0) places[0]?.onTurn();
  }

  function win(winner: Place): void {
    winner.hasWon = true;
    for (const place of places) if (place !== winner) place.onWon(winner.owner);
  }

  return {
    get first() {
      return places[0];
    },
    enter(owner, onWon) {
      let onTurn: () => void = () => undefined;
      const come = new Promise<void>((resolve) => {
        onTurn = resolve;
      });
      const place: Place = { owner, hasWon: false, onTurn, onWon };
      places.push(place);
      if (places.length === 1) onTurn();
      return { come, won: () => win(place), leave: () => leave(place) };
    },
  };
}
