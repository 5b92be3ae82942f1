import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataFolder } from "./data_folder.ts";

const ORIGIN = { kind: "exchange" as const, id: "run-1", label: "exchange, seed 1" };

Deno.test("openDataFolder() keeps its secrets, refuses a second user, another origin and another format", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    const first = await openDataFolder(folder, ORIGIN);
    await t.step("a second opener is told that it is in use", async () => {
      await assert.rejects(() => openDataFolder(folder, ORIGIN), { code: "data.in_use" });
    });
    first[Symbol.dispose]();

    await t.step("secrets are made once and readable by the owner alone", async () => {
      using again = await openDataFolder(folder, ORIGIN);
      assert.deepEqual(again.secrets, first.secrets);
      assert.equal(Deno.statSync(join(folder, "secrets.json")).mode! & 0o777, 0o600);
    });

    await t.step("another origin is refused, both are named (I8)", async () => {
      await assert.rejects(() => openDataFolder(folder, { kind: "live", id: "binance", label: "Binance" }), {
        code: "data.origin_mismatch",
        message: /exchange run-1.*live binance/,
      });
    });

    await t.step("another format is refused", async () => {
      const file = join(folder, "candlewire.json");
      await Deno.writeTextFile(file, JSON.stringify({ format: 99, origin: ORIGIN }));
      await assert.rejects(() => openDataFolder(folder, ORIGIN), {
        code: "data.version_mismatch",
        message: /format is 99/,
      });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await assert.rejects(() => openDataFolder("/proc/candlewire", ORIGIN), { code: "data.not_writable" });
});
