import assert from "node:assert/strict";
import { join } from "node:path";
import { grafanaTree } from "./grafana_tree.ts";
import { PLUGIN_FOLDER } from "./paths.ts";

type Project = { dependencies: Record<string, string>; devDependencies: Record<string, string> };

const read = (path: string) => JSON.parse(Deno.readTextFileSync(join(PLUGIN_FOLDER, path))) as Project;

Deno.test("the older Grafana's libraries: all that the plugin names, of 12.4 and React 18", () => {
  const own = read("package.json");
  const older = read("tools/grafana_12/package.json");
  assert.deepEqual(
    Object.keys(own.dependencies).filter((name) => !(name in older.dependencies)),
    [],
  );
  for (const [name, version] of Object.entries(older.dependencies)) {
    if (name.startsWith("@grafana/")) assert.match(version, /^12\.4\.\d+$/, name);
  }
  for (const name of ["react", "react-dom"]) assert.match(older.dependencies[name]!, /^18\./);
  for (const name of ["@types/react", "@types/react-dom"]) {
    assert.match(older.devDependencies[name]!, /^18\./);
  }
});

Deno.test("a Grafana without pinned libraries is refused by name", async () => {
  await assert.rejects(grafanaTree("11.6", () => {}), { code: "plugin.unknown_grafana", message: /11\.6/ });
});
