import assert from "node:assert/strict";
import { join } from "node:path";
import { serveScene, TOKENS } from "../../runtime/tests/browser/serve_scene.ts";
import { PLUGIN_FOLDER, PLUGIN_ID } from "../tools/paths.ts";
import { sampleFiles, writeFiles } from "../tools/verify/sample_plugin.ts";
import { MiniHost } from "./mini_host.ts";

const PROXY = `/api/plugin-proxy/${PLUGIN_ID}`;
const INSTALLED = await Deno.stat(join(PLUGIN_FOLDER, "node_modules", "esbuild")).then(
  () => true,
  () => false,
);
const WHY = INSTALLED
  ? ""
  : " (skipped: the plugin's npm packages are not installed: deno task plugin build)";
const OPTIONS = { ignore: !INSTALLED };

/** The mini host with a small plugin that has our routes, before the real control API. */
async function serve() {
  const scene = await serveScene({ tickMs: 50 });
  const files = sampleFiles();
  delete files["datasource/gpx_sample_linux_amd64"];
  const folder = await writeFiles(files);
  const settings = {
    jsonData: { controlUrl: scene.url } as Record<string, unknown>,
    secureJsonData: { viewerToken: TOKENS.viewer, operatorToken: TOKENS.operator },
  };
  const host = await MiniHost.start({ dist: folder, settings });
  const call = (path: string, init: RequestInit & { role?: string } = {}) =>
    fetch(`${host.url}${path}`, {
      ...init,
      headers: { cookie: `preview_role=${init.role ?? "Admin"}`, ...init.headers },
    });
  const status = async (path: string, init: RequestInit & { role?: string } = {}) => {
    const answer = await call(path, init);
    await answer.body?.cancel();
    return answer.status;
  };
  return {
    scene,
    host,
    call,
    status,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test({
  name: `the mini host's proxy reads and changes by role, as Grafana's does${WHY}`,
  ...OPTIONS,
  async fn() {
    await using site = await serve();
    const { call, status, scene } = site;
    for (const role of ["Viewer", "Editor", "Admin"]) {
      const body = await (await call(`${PROXY}/read/modules`, { role })).json();
      assert.equal(body.simulated, true, role);
      assert.ok(body.modules.length > 0);
    }
    const stop = {
      method: "POST",
      headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
    };
    const path = `${PROXY}/operate/modules/producer/stop`;
    for (const role of ["Viewer", "Editor"]) assert.equal(await status(path, { ...stop, role }), 403, role);
    assert.deepEqual(scene.host.asked, []);
    assert.equal(await status(path, stop), 200);
    assert.deepEqual(scene.host.asked, ["stop producer"]);
    // Neither way is open for the other's calls.
    assert.equal(await status(`${PROXY}/read/modules/producer/stop`, stop), 404);
    assert.equal(await status(`${PROXY}/operate/modules`), 404);
  },
});

Deno.test({
  name: `the mini host's proxy sends events on as they come, and ends with its reader${WHY}`,
  ...OPTIONS,
  async fn() {
    await using site = await serve();
    const answer = await site.call(`${PROXY}/read/events?channels=pipeline`);
    assert.match(answer.headers.get("content-type")!, /^text\/event-stream/);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while ((text.match(/event: pipeline/g)?.length ?? 0) < 2) {
      const { done, value } = await reader.read();
      assert.ok(!done, text);
      text += value;
    }
    await reader.cancel();
  },
});

Deno.test({
  name: `the mini host answers its own page alone, keeps secrets and lets administrators save${WHY}`,
  ...OPTIONS,
  async fn() {
    await using site = await serve();
    const { call, status, host } = site;
    const settings = `/api/plugins/${PLUGIN_ID}/settings`;
    assert.equal(await status(`${PROXY}/read/modules`, { headers: { origin: "http://evil.example" } }), 403);
    assert.equal(await status(`${PROXY}/read/modules`, { headers: { origin: host.url } }), 200);
    const text = await (await call(settings, { role: "Viewer" })).text();
    assert.deepEqual(JSON.parse(text).secureJsonFields, { viewerToken: true, operatorToken: true });
    assert.ok(!text.includes(TOKENS.viewer) && !text.includes(TOKENS.operator));
    const body = JSON.stringify({ jsonData: { controlUrl: "http://127.0.0.1:9" }, secureJsonData: {} });
    assert.equal(await status(settings, { method: "POST", body, role: "Editor" }), 403);
    assert.equal(await status(settings, { method: "POST", body }), 200);
    // A secret that was not sent is kept; the address is the new one, where nothing answers.
    assert.equal(host.settings.secureJsonData.viewerToken, TOKENS.viewer);
    assert.equal(await status(`${PROXY}/read/modules`), 502);
  },
});

Deno.test({
  name: `the mini host serves the page by role and theme, the plugin's files and no others${WHY}`,
  ...OPTIONS,
  async fn() {
    await using site = await serve();
    const { call, status } = site;
    const page = await call(`/a/${PLUGIN_ID}/market?role=Viewer&theme=light`);
    const html = await page.text();
    assert.match(html, /theme-light/);
    assert.match(html, /"orgRole":"Viewer"/);
    assert.ok(!html.includes("pipeline:operate"), "a viewer has no permission to operate");
    assert.match(page.headers.get("set-cookie")!, /preview_role=Viewer/);
    assert.equal(await status(`/public/plugins/${PLUGIN_ID}/module.js`), 200);
    assert.equal(await status("/public/plugins/candlewire-market-datasource/module.js"), 200);
    for (const path of ["..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "none.js"]) {
      assert.equal(await status(`/public/plugins/${PLUGIN_ID}/${path}`), 404, path);
    }
    assert.equal(await status("/public/plugins/other-app/module.js"), 404);
    // Without the backend's executable there is no data source, and that is said.
    assert.equal(await status("/api/ds/query", { method: "POST", body: "{}" }), 503);
  },
});
