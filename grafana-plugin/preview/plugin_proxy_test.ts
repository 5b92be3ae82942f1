import assert from "node:assert/strict";
import { join } from "node:path";
import { PLUGIN_FOLDER, PLUGIN_ID } from "../tools/paths.ts";
import type { PluginJson } from "../tools/verify/plugin_json.ts";
import { decideProxy, grantedActions } from "./plugin_proxy.ts";

const json = JSON.parse(Deno.readTextFileSync(join(PLUGIN_FOLDER, "src/plugin.json"))) as PluginJson;
const settings = {
  jsonData: { controlUrl: "http://control:8787" },
  secureJsonData: { viewerToken: "viewer-secret", operatorToken: "operator-secret" },
};
const call = (method: string, path: string, search = "") => ({ method, path, search });

Deno.test("reading goes by the viewer's token, for every role; rest of the path and query are kept", () => {
  for (const role of ["Viewer", "Editor", "Admin"] as const) {
    const decision = decideProxy(
      json,
      settings,
      role,
      call("GET", "read/market/klines", "?symbol=%E5%B8%81"),
    );
    assert.ok(decision.kind === "forward");
    assert.equal(decision.url, "http://control:8787/api/v1/market/klines?symbol=%E5%B8%81");
    assert.deepEqual(decision.headers, { Authorization: "Bearer viewer-secret" });
  }
});

Deno.test("changing goes by the operator's token, for whom the plugin grants it alone", () => {
  for (
    const [method, path] of [["POST", "operate/modules/consumer/stop"], [
      "DELETE",
      "operate/dead-letters/x",
    ]] as const
  ) {
    const decision = decideProxy(json, settings, "Admin", call(method, path));
    assert.ok(decision.kind === "forward");
    assert.deepEqual(decision.headers, { Authorization: "Bearer operator-secret" });
    for (const role of ["Viewer", "Editor"] as const) {
      const refused = decideProxy(json, settings, role, call(method, path));
      assert.deepEqual([refused.kind, refused.kind === "refuse" && refused.status], ["refuse", 403]);
    }
  }
  assert.deepEqual([...grantedActions(json, "Viewer")], [`${PLUGIN_ID}.market:read`]);
});

Deno.test("what no route names is not there, whoever asks: no change by the reading route, no reading by the other", () => {
  for (
    const [method, path] of [
      ["POST", "read/modules/consumer/stop"],
      ["GET", "operate/modules"],
      ["PUT", "operate/x"],
      ["GET", "readx/y"],
      ["GET", "read"],
    ] as const
  ) {
    const decision = decideProxy(json, settings, "Admin", call(method, path));
    assert.deepEqual(
      [decision.kind, decision.kind === "refuse" && decision.status],
      ["refuse", 404],
      `${method} ${path}`,
    );
  }
});

Deno.test("a token that is not set goes as Go's templates write it, and is refused by the control API", () => {
  const decision = decideProxy(
    json,
    { ...settings, secureJsonData: {} },
    "Admin",
    call("GET", "read/pipeline"),
  );
  assert.ok(decision.kind === "forward");
  assert.deepEqual(decision.headers, { Authorization: "Bearer <no value>" });
});
