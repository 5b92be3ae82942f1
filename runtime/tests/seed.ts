/**
 * The seed of a randomized test: `CANDLEWIRE_SEED` when set, else a new one. Printed, so that a failure can be run
 * again: `CANDLEWIRE_SEED=123 deno task test`.
 */
export function testSeed(name: string): number {
  const given = Deno.env.get("CANDLEWIRE_SEED");
  const seed = given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1 : Number(given);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`CANDLEWIRE_SEED is no integer: "${given}"`);
  console.log(`${name}: seed ${seed}`);
  return seed;
}

/** A small seeded generator of numbers in [0, 1) (mulberry32), for choices that a test must be able to repeat. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
