import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../error.ts";
import { testSeed } from "../tests/seed.ts";
import { parseManifest } from "./manifest.ts";

const GOOD = { name: "kraken_source", version: "1.0.0", kind: "source" };

Deno.test("parseManifest() fills in what is left out: no permission, 128 MiB, five restarts a minute", () => {
  assert.deepEqual(parseManifest(JSON.stringify(GOOD), "m.json"), {
    ...GOOD,
    description: "",
    entry: "main.ts",
    permissions: { net: [], read: [], write: [], calls: [] },
    memoryMb: 128,
    timeoutMs: 5000,
    restart: { budget: 5, windowMs: 60_000 },
    parameters: {},
  });
});

Deno.test("parseManifest() names file, field and value of what is wrong", () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ name: "Kraken" }, /m\.json.*name \("Kraken"\)/],
    [{ name: "../x" }, /name/],
    [{ version: "1" }, /version \("1"\)/],
    [{ kind: "plugin" }, /kind \("plugin"\)/],
    [{ entry: "../main.ts" }, /entry/],
    [{ entry: "/main.ts" }, /entry/],
    [{ entry: "main.wasm" }, /entry/],
    [{ memoryMb: 1 }, /memoryMb \(1\)/],
    [{ permission: {} }, /permission/],
    [{ permissions: { run: ["sh"] } }, /run/],
    [{ permissions: { ffi: true } }, /ffi/],
    [{ permissions: { net: ["a.com:1,b.com"] } }, /net\.0/],
    [{ permissions: { net: ["*"] } }, /net\.0/],
    [{ permissions: { read: ["relative"] } }, /read\.0/],
    [{ permissions: { read: ["/data/../etc"] } }, /read\.0/],
  ];
  for (const [change, message] of wrong) {
    assert.throws(() => parseManifest(JSON.stringify({ ...GOOD, ...change }), "m.json"), {
      code: "manifest.invalid",
      message,
    }, JSON.stringify(change));
  }
  assert.throws(() => parseManifest("{", "m.json"), { code: "manifest.bad_json", message: /m\.json/ });
});

Deno.test("parseManifest() takes any text: a manifest or a CandlewireError", () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.dictionary(fc.constantFrom("name", "version", "kind", "permissions"), fc.jsonValue()).map((value) =>
      JSON.stringify(value)
    ),
  );
  fc.assert(
    fc.property(text, (text) => {
      try {
        parseManifest(text, "m.json");
      } catch (error) {
        assert.ok(error instanceof CandlewireError, String(error));
      }
    }),
    { seed: testSeed("parseManifest"), numRuns: 500 },
  );
});
