export { seededRandom } from "../exchange/server/seeded_random.ts";

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
