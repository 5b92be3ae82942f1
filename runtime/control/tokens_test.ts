import assert from "node:assert/strict";
import { loadTokens } from "./tokens.ts";

async function inFolder(test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tokens are made once, mode 0600, and read again", () =>
  inFolder(async (folder) => {
    const made = await loadTokens(folder);
    const path = `${folder}/tokens.json`;
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.ok(made.viewer.length >= 43 && made.viewer !== made.operator);
    await Deno.chmod(path, 0o644);
    const read = await loadTokens(folder);
    assert.equal(JSON.stringify(read), JSON.stringify(made));
    assert.equal(read.source, "generated");
    // A file that was open to all is closed again.
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  }));

Deno.test("configured tokens win and are written for local scripts", () =>
  inFolder(async (folder) => {
    const given = { viewer: "viewer-token-chosen", operator: "operator-token-chosen" };
    assert.equal((await loadTokens(folder, given)).source, "configured");
    assert.equal(
      JSON.stringify(JSON.parse(await Deno.readTextFile(`${folder}/tokens.json`))),
      JSON.stringify(given),
    );
  }));

Deno.test("unusable tokens are refused without quoting them (I6)", () =>
  inFolder(async (folder) => {
    for (const text of ["", "null", "{", `{"viewer":"short","operator":"also-short"}`, "[]"]) {
      await Deno.writeTextFile(`${folder}/tokens.json`, text);
      await assert.rejects(loadTokens(folder), { code: "control.bad_tokens" });
    }
    const same = "the-very-same-secret-token";
    await assert.rejects(
      loadTokens(folder, { viewer: same, operator: same }),
      (error: Error & { code: string; hint: string }) =>
        error.code === "control.bad_tokens" && !error.message.includes(same) && !error.hint.includes(same),
    );
    await assert.rejects(loadTokens(`${folder}/missing/folder`), { code: "control.tokens_unusable" });
  }));
