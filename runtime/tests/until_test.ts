import assert from "node:assert/strict";
import { eventually, until } from "./until.ts";

const never = () => new Promise<undefined>(() => {});

Deno.test("a wait gives what it found, and looks again after an error", async () => {
  let looks = 0;
  const found = await until("the third look", 20_000, () => {
    looks++;
    if (looks === 1) throw new Error("away");
    return looks === 3 ? "here" : undefined;
  });
  assert.deepEqual([found, looks], ["here", 3]);
});

Deno.test("a wait in vain says for what, the last error and what explains it", async () => {
  const away = () => {
    throw new Error("away");
  };
  await assert.rejects(
    until("rows", 20, away, () => "none came"),
    /^Error: Waited 20 ms for rows \(Error: away\)\nnone came$/,
  );
  await assert.rejects(until("rows", 20, () => undefined, away), /rows\n\(no explanation: Error: away\)$/);
  await assert.rejects(eventually(() => false, async () => "no rows", 20), /Not within 20 ms: no rows$/);
});

Deno.test("a look that does not end ends the wait", async () => {
  await assert.rejects(until("rows", 20, never), /for rows \(the last look does not end\)/);
  await assert.rejects(
    eventually(() => new Promise<boolean>(() => {}), "no rows", 20),
    /no rows \(the last look does not end\)$/,
  );
});

Deno.test("a look that is under way at the deadline may end well", async () => {
  const look = Promise.withResolvers<string>();
  const waiting = until("a slow look", 1000, () => look.promise);
  const late = setTimeout(() => look.resolve("here"), 1200);
  assert.equal(await waiting, "here");
  clearTimeout(late);
});

Deno.test("a condition that throws ends the wait with its error", async () => {
  let looks = 0;
  const broken = () => {
    looks++;
    throw new Error("malformed");
  };
  await assert.rejects(eventually(broken, "a frame"), /^Error: malformed$/);
  assert.equal(looks, 1);
});
