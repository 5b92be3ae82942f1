import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataFolder } from "./data_folder.ts";

const ORIGIN = { kind: "exchange" as const, id: "run-1", label: "exchange, seed 1" };

Deno.test("openDataFolder() keeps its secrets, refuses a second user, another origin and another format", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    const first = await openDataFolder(folder, { live: false });
    await first.settle(ORIGIN);
    await t.step("a second opener is told that it is in use", async () => {
      await assert.rejects(() => openDataFolder(folder, { live: false }), { code: "data.in_use" });
    });
    first[Symbol.dispose]();

    await t.step("secrets are made once and readable by the owner alone", async () => {
      using again = await openDataFolder(folder, { live: false });
      await again.settle(ORIGIN);
      assert.deepEqual(again.secrets, first.secrets);
      assert.equal(Deno.statSync(join(folder, "secrets.json")).mode! & 0o777, 0o600);
    });

    await t.step("another origin is refused, both are named (I8)", async () => {
      using again = await openDataFolder(folder, { live: false });
      await assert.rejects(() => again.settle({ kind: "exchange", id: "run-2", label: "another" }), {
        code: "data.origin_mismatch",
        message: /exchange run-1.*exchange run-2/,
      });
    });

    await t.step("live and simulated data are told apart before a source is asked", async () => {
      await assert.rejects(() => openDataFolder(folder, { live: true }), {
        code: "data.origin_mismatch",
        message: /exchange run-1.*live market/,
      });
    });

    await t.step("another format is refused", async () => {
      const file = join(folder, "candlewire.json");
      await Deno.writeTextFile(file, JSON.stringify({ format: 99, origin: ORIGIN }));
      await assert.rejects(() => openDataFolder(folder, { live: false }), {
        code: "data.version_mismatch",
        message: /format is 99/,
      });
      await Deno.writeTextFile(file, '{"format": 1, "ori');
      await assert.rejects(() => openDataFolder(folder, { live: false }), { code: "data.damaged" });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await assert.rejects(() => openDataFolder("/proc/candlewire", { live: false }), {
    code: "data.not_writable",
  });
});
