/** A small repeatable source of randomness (sfc32): not for secrets. */
export interface Random {
  /** At least 0, less than 1. */
  next(): number;
  /** At least `from`, less than `to`. */
  between(from: number, to: number): number;
  /** Another source that depends on this seed and on `name` only, however many numbers were drawn before. */
  fork(name: string): Random;
}

/** FNV-1a: spreads a text over 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

const WARM_UP_ROUNDS = 12;

/** The same seed makes the same numbers on every machine. */
export function seededRandom(seed: number | string): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = hash(String(seed));
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) next();
  return {
    next,
    between: (from, to) => (from >= to ? from : from + (to - from) * next()),
    fork: (name) => seededRandom(`${seed}/${name}`),
  };
}
