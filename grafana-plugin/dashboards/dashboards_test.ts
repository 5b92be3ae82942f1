import assert from "node:assert/strict";
import type { Dashboard, DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import type { MarketQueryModel } from "../src/datasource/query.ts";
import { catalogue, textOf, WAYS } from "./catalogue.ts";
import { PLUGIN_JSON, pluginWith } from "./plugin_includes.ts";
import { answeredColumns, ownProblems } from "./testing/own_queries.ts";
import { transformReason } from "./testing/transform_frames.ts";
import { market } from "./ways/market.ts";

const FOLDER = new URL("../src/dashboards/", import.meta.url);
const made = catalogue();

type Target = MarketQueryModel & { refId: string; datasource: { type: string; uid: string } };
type Panel = {
  id: number;
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  datasource?: { type: string; uid: string };
  transformations?: DataTransformerConfig[];
  fieldConfig?: { overrides?: { matcher: { id: string; options: string } }[] };
};

const panelsOf = (dashboard: Dashboard) => (dashboard.panels ?? []) as unknown as Panel[];
const slug = (title: string) => title.toLowerCase().replace(/[^\w]+/g, "-").replace(/^-|-$/g, "");

Deno.test("the committed dashboards and their places in the plugin's list are what the generator makes", async () => {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
  assert.deepEqual(names, made.map(({ file }) => file).sort());
  for (const { file, dashboard } of made) {
    assert.equal(
      await Deno.readTextFile(new URL(file, FOLDER)),
      textOf(dashboard),
      `${file}: run deno run --config deno.json -A grafana-plugin/dashboards/generate.ts`,
    );
  }
  const plugin = await Deno.readTextFile(PLUGIN_JSON);
  assert.equal(pluginWith(made, plugin), plugin, "plugin.json lists other dashboards: run the generator");
  for (const { type, path } of JSON.parse(plugin).includes) {
    if (type === "dashboard") await Deno.stat(new URL(`../src/${path}`, import.meta.url));
  }
});

Deno.test("no two dashboards share a uid or a title's slug, by which Grafana matches bundled dashboards", () => {
  const uids = made.map(({ dashboard }) => dashboard.uid!);
  assert.equal(new Set(uids).size, made.length);
  for (const uid of uids) assert.match(uid, /^[a-zA-Z0-9_-]{1,40}$/);
  const slugs = made.map(({ dashboard }) => slug(dashboard.title!));
  assert.equal(new Set(slugs).size, made.length, slugs.join(", "));
});

Deno.test("the market's four dashboards are there on each way, the other two on our own alone", () => {
  for (const way of WAYS) {
    const titles = made.filter((one) => one.way === way).map(({ dashboard }) => dashboard.title);
    const wanted = ["Top 10 most traded", "Trade count overview", "Price and volume", "Volatility"];
    for (const title of wanted) assert.ok(titles.includes(`${title}${way.titleSuffix}`), title);
    assert.equal(titles.length, way === market ? 6 : 4);
  }
});

Deno.test("every panel's type is Grafana's or ours, its data source the dashboard's variable, its place free", async () => {
  const own = new Set<string>();
  for (const { name } of Deno.readDirSync(new URL("../src/panels/", import.meta.url))) {
    const file = new URL(`../src/panels/${name}/plugin.json`, import.meta.url);
    const text = await Deno.readTextFile(file).catch(() => undefined);
    if (text !== undefined) own.add(JSON.parse(text).id);
  }
  assert.equal(own.size, 3);
  for (const { file, way, dashboard } of made) {
    const panels = panelsOf(dashboard);
    assert.deepEqual(panels.map(({ id }) => id), panels.map((_, index) => index + 1), file);
    for (const panel of panels) {
      const where = `${file} "${panel.title}"`;
      if (!own.has(panel.type)) await import(`@grafana/grafana-foundation-sdk/${panel.type}`);
      for (
        const { datasource } of [
          ...(panel.targets ?? []),
          ...(panel.datasource ? [{ datasource: panel.datasource }] : []),
        ]
      ) {
        assert.deepEqual(datasource, { type: way.type, uid: "${datasource}" }, where);
      }
      if (panel.type !== "text") assert.ok((panel.targets ?? []).length > 0, `${where} asks nothing`);
      const { x, w } = panel.gridPos;
      assert.ok(x + w <= 24, `${where} reaches over the grid`);
      for (const other of panels) {
        assert.ok(
          other === panel || !overlap(panel.gridPos, other.gridPos),
          `${where} lies over "${other.title}"`,
        );
      }
    }
  }
});

Deno.test("I8: the first panel of every dashboard says whose numbers it shows, and SIMULATED for all but the live market", () => {
  for (const { file, way, dashboard } of made) {
    const [panel] = panelsOf(dashboard);
    const saved = panel as unknown as {
      options: { reduceOptions: { fields: string } };
      fieldConfig: {
        defaults: { mappings: { options: Record<string, { text: string }> }[]; noValue: string };
      };
    };
    assert.equal(saved.options.reduceOptions.fields, `/^${way.origin().columns.origin}$/`, file);
    const words = saved.fieldConfig.defaults.mappings[0]!.options;
    for (const [value, { text }] of Object.entries(words)) {
      assert.equal(
        text.startsWith("SIMULATED"),
        !["live", "Binance"].includes(value),
        `${file}: ${value} is ${text}`,
      );
    }
    // What the control API and Cassandra call the three origins.
    for (const value of ["live", "exchange", "recording", "Binance", "Exchange", "Recording"]) {
      assert.ok(value in words, `${file}: ${value}`);
    }
    assert.match(saved.fieldConfig.defaults.noValue, /simulated/);
  }
});

Deno.test("every variable that a query or a title takes is the dashboard's own, Grafana's, or its data source's macro", () => {
  const grafana = ["__from", "__to"];
  const macros: Record<string, string[]> = { cassandra: ["__timeFrom", "__timeTo"], infinity: [], "": [] };
  for (const { file, way, dashboard } of made) {
    const list = dashboard.templating!.list!;
    const known = new Set([...list.map(({ name }) => name), ...grafana, ...macros[way.key]!]);
    assert.equal(new Set(list.map(({ name }) => name)).size, list.length);
    for (const [, braced, bare] of JSON.stringify(dashboard.panels).matchAll(/\$\{(\w+)\}|\$(\w+)/g)) {
      assert.ok(known.has((braced ?? bare)!), `${file}: $${braced ?? bare}`);
    }
    const source = list.find(({ name }) => name === "datasource")!;
    assert.equal(source.query, way.type);
    assert.equal((source.current as { value: string }).value, way.uid);
  }
});

Deno.test("queries of our own data source are ones that it takes, with columns and filters that its frames have", () => {
  let checked = 0;
  for (const { file, way, dashboard } of made) {
    if (way !== market) continue;
    const annotations = (dashboard.annotations?.list ?? []).map(({ target }) => target as unknown as Target);
    assert.equal(annotations.length, 1, file);
    const targets = [...panelsOf(dashboard).flatMap(({ targets }) => targets ?? []), ...annotations];
    for (const target of targets) {
      const { refId: _, datasource: __, ...query } = target;
      assert.deepEqual(ownProblems(query), [], `${file}: ${JSON.stringify(query)}`);
      checked++;
    }
    for (const panel of panelsOf(dashboard)) {
      // A live stream carries whole frames of its kind: columns that a query chose would come and go.
      for (const { live, kind, fields, filters } of panel.targets ?? []) {
        if (live && kind === "pipeline") {
          assert.equal((fields ?? []).length + (filters ?? []).length, 0, file);
        }
      }
      for (const { matcher } of panel.fieldConfig?.overrides ?? []) {
        if (matcher.id !== "byName") continue;
        const columns = panel.targets!.flatMap((target) => target.fields ?? answeredColumns(target));
        assert.ok(
          columns.includes(matcher.options),
          `${file} "${panel.title}" has no column ${matcher.options}`,
        );
      }
    }
  }
  assert.ok(checked > 30, `only ${checked} queries`);
});

Deno.test({
  name: `Grafana knows every transformation [${transformReason || "by its own list"}]`,
  ignore: transformReason !== "",
  fn: async () => {
    const { transformFrames } = await import("./testing/transform_frames.ts");
    const used = made.flatMap(({ dashboard }) => panelsOf(dashboard)).flatMap((panel) =>
      panel.transformations ?? []
    );
    assert.ok(used.length > 0);
    await transformFrames(used, []);
    await assert.rejects(
      transformFrames([{ id: "noSuchThing", options: {} }], []),
      /No transformation noSuchThing/,
    );
  },
});

function overlap(a: Panel["gridPos"], b: Panel["gridPos"]): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
