import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { PLUGIN_ID } from "../paths.ts";
import { zipFolder } from "../zip_folder.ts";
import { folderFiles, zipFiles } from "./plugin_files.ts";
import { sampleFiles, writeFiles } from "./sample_plugin.ts";
import { verifyPlugin } from "./verify_plugin.ts";

type Files = Record<string, string>;
// deno-lint-ignore no-explicit-any -- tests break any part of it
type Json = any;
const edit = (path: string, change: (json: Json) => void) => (files: Files) => {
  const json = JSON.parse(files[path]!);
  change(json);
  files[path] = JSON.stringify(json);
};

/** Each breaks one thing; verify must name it. */
const BREAKS: [name: string, problem: RegExp, change: (files: Files) => void][] = [
  [
    "a placeholder is left",
    /%VERSION% was not replaced/,
    edit("plugin.json", (json) => json.info.version = "%VERSION%"),
  ],
  ["an unknown member", /Member includez/, edit("plugin.json", (json) => json.includez = [])],
  ["no keywords", /no keywords/, edit("datasource/plugin.json", (json) => delete json.info.keywords)],
  [
    "alerting without a backend",
    /Alerting needs a backend/,
    edit("datasource/plugin.json", (json) => json.backend = false),
  ],
  ["not JSON", /is not JSON/, (files) => files["datasource/plugin.json"] = "{"],
  [
    "a logo is missing",
    /datasource\/plugin\.json: its image img\/logo\.svg is missing/,
    (files) => delete files["datasource/img/logo.svg"],
  ],
  [
    "a dashboard is missing",
    /dashboards\/prices\.json is missing/,
    (files) => delete files["dashboards/prices.json"],
  ],
  [
    "a dashboard of another title",
    /title Costs is not its include's name Prices/,
    edit("dashboards/prices.json", (json) => json.title = "Costs"),
  ],
  [
    "a nested plugin is not included",
    /candlewire-market-datasource is not in includes/,
    edit("plugin.json", (json) => json.includes.pop()),
  ],
  [
    "an include names nobody",
    /no nested plugin has this name/,
    edit("plugin.json", (json) => json.includes[2].name = "Other"),
  ],
  [
    "a page for everyone",
    /neither action nor role/,
    edit("plugin.json", (json) => delete json.includes[0].action),
  ],
  [
    "an open route",
    /without reqAction every signed-in user/,
    edit("plugin.json", (json) => delete json.routes[1].reqAction),
  ],
  [
    "viewers may change",
    /viewers are granted/,
    edit("plugin.json", (json) => json.routes[1].reqAction = json.routes[0].reqAction),
  ],
  [
    "an action nobody has",
    /no role grants/,
    edit("plugin.json", (json) => json.routes[0].reqAction = `${PLUGIN_ID}.none:read`),
  ],
  [
    "a token in the open",
    /is not from a secret setting/,
    edit("plugin.json", (json) => json.routes[0].headers[0].content = "Bearer {{ .JsonData.token }}"),
  ],
  ["a route without sub-paths", /without \/\*/, edit("plugin.json", (json) => json.routes[0].path = "read")],
  [
    "a module that bundles React's place",
    /it needs react-dom\/server/,
    (files) => files["module.js"] = 'define(["react-dom/server"],function(){});',
  ],
  [
    "a module that is none",
    /not an AMD module/,
    (files) => files["datasource/module.js"] = "export const plugin = 1;",
  ],
  [
    "a large module",
    /^module.js: \d+ bytes, not below 30000/m,
    (files) => files["module.js"] += " ".repeat(30_000),
  ],
  [
    "a large nested module",
    /datasource\/module.js: \d+ bytes of gzip, not below 30000/,
    // Hexadecimal digits of noise pack to half their length.
    (files) => files["datasource/module.js"] += `//${randomBytes(40_000).toString("hex")}`,
  ],
  [
    "no executable",
    /its executable .* is missing/,
    (files) => delete files["datasource/gpx_sample_linux_amd64"],
  ],
  ["no licence", /LICENSE is missing/, (files) => delete files.LICENSE],
];

Deno.test("a plugin as it should be has no problem, from a folder and from its zip", async () => {
  const folder = await writeFiles(sampleFiles());
  const zip = await Deno.makeTempFile({ suffix: ".zip" });
  try {
    assert.deepEqual((await verifyPlugin(await folderFiles(folder))).problems, []);
    await zipFolder(folder, zip, { root: PLUGIN_ID, day: "2026-11-29" });
    const { problems, plugins } = await verifyPlugin(await zipFiles(zip, PLUGIN_ID));
    assert.deepEqual(problems, []);
    assert.deepEqual(plugins.sort(), ["candlewire-market-datasource", PLUGIN_ID]);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(zip);
  }
});

for (const [name, problem, change] of BREAKS) {
  Deno.test(`verify names it: ${name}`, async () => {
    const files = sampleFiles();
    change(files);
    const folder = await writeFiles(files);
    try {
      const { problems } = await verifyPlugin(await folderFiles(folder));
      assert.ok(problems.some((text) => problem.test(text)), problems.join("\n"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("verify names it: modes and places", async () => {
  const folder = await writeFiles(sampleFiles());
  const zip = await Deno.makeTempFile({ suffix: ".zip" });
  try {
    await Deno.chmod(join(folder, "datasource/gpx_sample_linux_amd64"), 0o644);
    await Deno.chmod(join(folder, "module.js"), 0o755);
    const { problems } = await verifyPlugin(await folderFiles(folder));
    assert.ok(
      problems.some((text) => /gpx_sample_linux_amd64: mode 644, not 755/.test(text)),
      problems.join("\n"),
    );
    assert.ok(problems.some((text) => /module\.js: mode 755, but only a backend/.test(text)));
    await zipFolder(folder, zip, { root: "another-folder", day: "2026-11-29" });
    const outside = await verifyPlugin(await zipFiles(zip, PLUGIN_ID));
    assert.ok(outside.problems.some((text) => /module\.js is outside of the folder/.test(text)));
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(zip);
  }
});
