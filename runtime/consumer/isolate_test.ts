import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { isolate } from "./isolate.ts";

Deno.test("isolate() finds exactly the items at fault, and lets all others through", async () => {
  const seed = testSeed("isolate");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (bad) => {
      const items = bad.map((poison, at) => ({ poison, at }));
      const results = await isolate(items, async (group) => {
        if (group.some(({ poison }) => poison)) throw new Error("poison");
        return group.map(({ at }) => at);
      }, { isPoison: () => true });
      assert.deepEqual(results.map(({ ok }) => ok), bad.map((poison) => !poison));
      results.forEach((result, at) => result.ok && assert.equal(result.result, at));
    }),
    { seed, numRuns: 300 },
  );
});

Deno.test("isolate() finds one item of 512 with at most 10 failures, 6 on average", async () => {
  let failures = 0;
  for (let poison = 0; poison < 512; poison++) {
    let here = 0;
    await isolate(Array.from({ length: 512 }, (_, at) => at), async (group) => {
      if (group.includes(poison)) {
        here++;
        throw new Error("poison");
      }
      return group;
    }, { isPoison: () => true });
    assert.ok(here <= 10, `${here} failures`);
    failures += here;
  }
  assert.ok(failures / 512 <= 6.5, `${failures / 512} on average`);
});

Deno.test("isolate() rejects with an error that is no item's fault", async () => {
  await assert.rejects(
    isolate([1, 2], () => Promise.reject(new Error("down")), { isPoison: () => false }),
    /down/,
  );
});
