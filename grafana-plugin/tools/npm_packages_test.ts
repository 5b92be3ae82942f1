import assert from "node:assert/strict";
import { join } from "node:path";
import { differences } from "./npm_packages.ts";
import { PLUGIN_FOLDER, ROOT } from "./paths.ts";

Deno.test("installed packages differ from the lock when one is missing, of another version or too many", () => {
  const wanted = {
    packages: {
      "": { version: "1.0.0" },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/b": { version: "2.0.0" },
      "node_modules/only-on-windows": { version: "1.0.0", optional: true },
    },
  };
  const installed = {
    packages: { "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0" } },
  };
  assert.deepEqual(differences(wanted, installed), []);
  assert.deepEqual(differences(wanted, { packages: { "node_modules/a": { version: "1.0.1" } } }), [
    "node_modules/a is 1.0.1, not 1.0.0",
    "node_modules/b is missing",
  ]);
  const more = { packages: { ...installed.packages, "node_modules/c": { version: "1.0.0" } } };
  assert.deepEqual(differences(wanted, more), ["node_modules/c is not in the lock"]);
});

Deno.test("the plugin's files name the project's version of Deno", () => {
  const version = /deno@(\d+\.\d+\.\d+)/.exec(Deno.readTextFileSync(join(ROOT, ".ci/run")))![1];
  for (const file of ["package.json", "README.md"]) {
    for (
      const [, found] of Deno.readTextFileSync(join(PLUGIN_FOLDER, file)).matchAll(/deno@(\d+\.\d+\.\d+)/g)
    ) {
      assert.equal(found, version, file);
    }
  }
});
