import type { NodeId } from '../backend/index.js';

/** The place of one contender. */
export interface Turn {
  /** Settles when it is first. */
  readonly come: Promise<void>;
  /** Lets the next one go, or leaves the queue before the turn has come. Idempotent. */
  readonly leave: () => void;
}

/** Contenders of one process for one lock, first come first served: only the first of them asks the store. */
export interface Queue {
  /** Who is first; undefined when nobody is there. */
  readonly first: NodeId | undefined;
  /** `onProgress`: somebody else's turn has come. */
  enter(owner: NodeId, onProgress: () => void): Turn;
}

interface Place {
  readonly owner: NodeId;
  readonly onTurn: () => void;
  readonly onProgress: () => void;
}

export function createQueue(onEmpty: () => void): Queue {
  const places: Place[] = [];

  function leave(place: Place): void {
    const index = places.indexOf(place);
    if (index < 0) return;
    places.splice(index, 1);
    if (places.length === 0) return onEmpty();
    if (index > 0) return;
    const [next, ...others] = places;
    next?.onTurn();
    for (const other of others) other.onProgress();
  }

  return {
    get first() {
      return places[0]?.owner;
    },
    enter(owner, onProgress) {
      let onTurn: () => void = () => undefined;
      const come = new Promise<void>((resolve) => {
        onTurn = resolve;
      });
      const place = { owner, onTurn, onProgress };
      places.push(place);
      if (places.length === 1) onTurn();
      return { come, leave: () => leave(place) };
    },
  };
}
