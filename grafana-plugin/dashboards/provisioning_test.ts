import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { APP_ID, DATASOURCE_ID } from "../src/constants.ts";
import { type MarketDataSourceOptions, type MarketQueryModel, SECRETS } from "../src/datasource/query.ts";
import { composeIgnore, loadCompose } from "../../runtime/tests/compose/load_compose.ts";
import { makeEnvFile } from "../../runtime/tests/compose/env_file.ts";
import { WAYS } from "./catalogue.ts";
import { columnKinds, ownProblems } from "./testing/own_queries.ts";
import {
  contactPointsFile,
  dashboardProvidersFile,
  dataSourcesFile,
  expression,
  pluginsFile,
  policiesFile,
  type Route,
  type Rule,
  rulesFile,
  seconds,
} from "./testing/provisioning_model.ts";

const ROOT = new URL("../../", import.meta.url);
const FOLDER = new URL("provisioning/", ROOT);
const text = (path: string) => Deno.readTextFileSync(new URL(path, FOLDER));
const yaml = (path: string): unknown => parse(text(path), { version: "1.1", strict: true, uniqueKeys: true });
const namesIn = (folder: string) =>
  [...Deno.readDirSync(new URL(folder, FOLDER))].map(({ name }) => name).sort();

const dataSources = dataSourcesFile.parse(yaml("datasources/candlewire.yaml")).datasources;
const groups = rulesFile.parse(yaml("alerting/candlewire.yaml")).groups;
const rules = groups.flatMap((group) => group.rules);

Deno.test("each folder that Grafana reads holds the files of this test and nothing that it would stumble over", () => {
  assert.deepEqual(namesIn("."), [
    "README.md",
    "alerting",
    "dashboards",
    "datasources",
    "examples",
    "plugins",
  ]);
  assert.deepEqual(namesIn("datasources"), ["candlewire.yaml"]);
  assert.deepEqual(namesIn("plugins"), ["candlewire.yaml"]);
  // Some versions refuse to start for a file of another suffix, or a folder, in there.
  assert.deepEqual(namesIn("alerting"), ["candlewire.yaml"]);
  assert.deepEqual(namesIn("dashboards"), [".gitkeep"]);
});

Deno.test("the data sources are those that the dashboards start with, by type, uid and name", () => {
  assert.deepEqual(
    dataSources.map(({ type, uid, name }) => ({ type, uid, name })),
    WAYS.map(({ type, uid, name }) => ({ type, uid, name })),
  );
  const own = dataSources.find(({ type }) => type === DATASOURCE_ID)!;
  const settings: Record<keyof MarketDataSourceOptions, true> = {
    controlUrl: true,
    contactPoints: true,
    localDataCenter: true,
    keyspace: true,
    username: true,
    consistency: true,
    useTls: true,
    tlsServerName: true,
    timeoutMs: true,
    maxRows: true,
  };
  for (const key of Object.keys(own.jsonData)) assert.ok(key in settings, `jsonData.${key}`);
  for (const key of Object.keys(own.secureJsonData)) {
    assert.ok(SECRETS.some((one) => one === key), `secureJsonData.${key}`);
  }
});

Deno.test("the app is enabled with the address and the tokens that its routes take, the operator's given to it alone", () => {
  const { apps } = pluginsFile.parse(yaml("plugins/candlewire.yaml"));
  assert.equal(apps.length, 1);
  const [app] = apps;
  assert.deepEqual([app!.type, app!.disabled], [APP_ID, false]);
  const { routes } = JSON.parse(Deno.readTextFileSync(new URL("grafana-plugin/src/plugin.json", ROOT)));
  const taken = JSON.stringify(routes);
  const names = (kind: string) =>
    new Set([...taken.matchAll(new RegExp(`\\.${kind}\\.(\\w+)`, "g"))].map(([, name]) => name!));
  assert.deepEqual(new Set(Object.keys(app!.jsonData)), names("JsonData"));
  assert.deepEqual(new Set(Object.keys(app!.secureJsonData)), names("SecureJsonData"));
  assert.ok(!text("datasources/candlewire.yaml").includes("OPERATOR_TOKEN"));
});

Deno.test("every variable is quoted, is one that docker-compose.yml gives Grafana, and is told of in the README", () => {
  const compose = parse(Deno.readTextFileSync(new URL("docker-compose.yml", ROOT)), { merge: true });
  const given = Object.keys(compose.services.grafana.environment);
  const readme = text("README.md");
  const used = new Set<string>();
  for (const path of ["datasources/candlewire.yaml", "plugins/candlewire.yaml"]) {
    const lines = text(path).split("\n").filter((line) => !line.trimStart().startsWith("#"));
    for (const line of lines) {
      for (const [all, name] of line.matchAll(/\$\w*\{?(\w*)\}?/g)) {
        assert.equal(all, `$__env{${name}}`, `${path}: ${line.trim()}`);
        assert.ok(line.includes(`"${all}`), `${path}: ${line.trim()} is not quoted`);
        used.add(name!);
      }
    }
  }
  for (const name of used) {
    assert.ok(given.includes(name), `docker-compose.yml does not give Grafana ${name}`);
    assert.ok(readme.includes(`| \`${name}\``), `README.md does not tell of ${name}`);
  }
  assert.ok(used.size >= 7);
  // Rules and annotations keep their $; labels, names and folders would lose them.
  for (const rule of rules) {
    for (const value of [rule.title, ...Object.values(rule.labels)]) assert.ok(!value.includes("$"), value);
    // An expander that fails stops Grafana, wherever it stands.
    assert.ok(!/\$__\w+\{/.test(JSON.stringify(rule)), rule.uid);
  }
});

Deno.test("the rules are those that were asked for, with uids and titles of their own, at intervals that Grafana takes", () => {
  assert.deepEqual(rules.map(({ uid }) => uid), [
    "candlewire-price-drop",
    "candlewire-book-untrusted",
    "candlewire-no-data",
    "candlewire-capture-lag",
    "candlewire-connector-lag",
    "candlewire-consumer-lag",
    "candlewire-slot-wal",
    "candlewire-dead-letters",
  ]);
  assert.equal(new Set(rules.map(({ title }) => title)).size, rules.length);
  const readme = text("README.md");
  for (const { title } of rules) {
    assert.ok(readme.includes(`| ${title} `), `README.md does not tell of ${title}`);
  }
  for (const { interval, rules } of groups) {
    assert.ok(seconds(interval) >= 10 && seconds(interval) % 10 === 0, interval);
    for (const rule of rules) {
      assert.equal(seconds(rule.for) % seconds(interval), 0, `${rule.uid} for ${rule.for}`);
    }
  }
});

Deno.test("each rule's queries are ones that our data source takes, and make a series or a number an alert can judge", () => {
  for (const rule of rules) {
    for (const { datasourceUid, refId, model, relativeTimeRange } of rule.data) {
      assert.equal(model.refId, refId, rule.uid);
      if (datasourceUid === "__expr__") continue;
      assert.equal(datasourceUid, "candlewire-market", rule.uid);
      assert.ok(relativeTimeRange.from > 0);
      const { refId: _, ...query } = model as unknown as MarketQueryModel & { refId: string };
      assert.deepEqual(ownProblems(query), [], `${rule.uid} ${refId}`);
      const kinds = columnKinds(query);
      const chosen = (query.fields ?? []).map((field) => kinds[field]);
      assert.ok(chosen.length > 0, `${rule.uid} ${refId} names no columns`);
      const numbers = chosen.filter((kind) => kind === "number" || kind === "integer");
      assert.equal(numbers.length, 1, `${rule.uid} ${refId} has one number, not ${query.fields}`);
      // What is beside the number becomes its labels: texts alone can.
      assert.equal(numbers.length + chosen.filter((kind) => kind === "text").length, chosen.length);
    }
  }
});

Deno.test("each rule's expressions read what stands before them, and its condition is a threshold", () => {
  for (const rule of rules) {
    const kinds = evaluated(rule);
    assert.equal(kinds.get(rule.condition), "threshold", rule.uid);
    const used = rule.data.flatMap(({ datasourceUid, model }) =>
      datasourceUid === "__expr__" ? inputsOf(expression.parse(model)) : []
    );
    for (const { refId } of rule.data) {
      assert.ok(refId === rule.condition || used.includes(refId), `${rule.uid}: nothing reads ${refId}`);
    }
    for (const [, refId] of JSON.stringify(rule.annotations).matchAll(/\$values\.(\w+)\.Value/g)) {
      assert.ok(kinds.has(refId!), `${rule.uid} tells of ${refId}`);
      assert.notEqual(kinds.get(refId!), "series", `${rule.uid}: a series has no value`);
    }
    for (const [, label] of JSON.stringify(rule.annotations).matchAll(/\$labels\.(\w+)/g)) {
      const labels = rule.data.flatMap(({ model }) => [
        ...((model.fields as string[] | undefined) ?? []),
        ...(model.format === "timeseries" ? ["symbol"] : []),
      ]);
      assert.ok(labels.includes(label!), `${rule.uid} tells of the label ${label}`);
    }
  }
});

Deno.test("the rule of the price fires on a fall of 5 % and not on less, whatever the direction since", () => {
  const rule = rules.find(({ uid }) => uid === "candlewire-price-drop")!;
  const fires = (highs: number[], closes: number[]) => judge(rule, { A: highs, B: closes });
  assert.equal(fires([100, 101, 102], [100, 101, 96.8]), true, "102 to 96.8 is 5.1 %");
  assert.equal(fires([100, 101, 102], [100, 101, 97]), false, "102 to 97 is 4.9 %");
  assert.equal(fires([100, 120, 130], [100, 120, 130]), false, "it rose");
  assert.equal(fires([100, 90, 91], [95, 80, 90]), true, "10 % below, though it rises again");
});

Deno.test("limits are judged on the number that is asked for", () => {
  const of = (uid: string) => rules.find((rule) => rule.uid === uid)!;
  for (
    const [uid, quiet, loud] of [
      ["candlewire-no-data", 29.9, 30.1],
      ["candlewire-book-untrusted", 0, 15_000_007],
      ["candlewire-capture-lag", 2 ** 26, 2 ** 26 + 1],
      ["candlewire-connector-lag", 2 ** 26, 2 ** 26 + 1],
      ["candlewire-consumer-lag", 100_000, 100_001],
      ["candlewire-slot-wal", 2 ** 30, 2 ** 30 + 1],
      ["candlewire-dead-letters", 0, 1],
    ] as const
  ) {
    assert.equal(judge(of(uid), { A: [quiet] }), false, `${uid} ${quiet}`);
    assert.equal(judge(of(uid), { A: [loud] }), true, `${uid} ${loud}`);
  }
});

Deno.test("the figures that rules ask for are ones that the control API tells", () => {
  const sources = ["runtime/pipeline_probe.ts", "runtime/connect/registrar.ts", "runtime/control/pipeline.ts"]
    .map((path) => Deno.readTextFileSync(new URL(path, ROOT))).join("\n");
  for (const { uid, data } of rules) {
    for (const { model } of data) {
      for (const { key, value } of (model.filters ?? []) as { key: string; value: string }[]) {
        if (key === "label") assert.ok(sources.includes(`label: "${value}"`), `${uid}: ${value}`);
        if (key === "id") assert.ok(sources.includes(`  "${value}",`), `${uid}: ${value}`);
      }
    }
  }
});

Deno.test("the examples are whole: policies name contact points that are there", () => {
  assert.deepEqual(namesIn("examples/alerting"), ["contact_points.yaml", "notification_policies.yaml"]);
  const { contactPoints } = contactPointsFile.parse(yaml("examples/alerting/contact_points.yaml"));
  const { policies } = policiesFile.parse(yaml("examples/alerting/notification_policies.yaml"));
  // Grafana's own is no help: "grafana-default-email" up to 12.3, "empty" since 12.4, and what is not there stops Grafana.
  const known = contactPoints.map(({ name }) => name);
  const labels = new Map(
    rules.flatMap((rule) => Object.entries(rule.labels)).map(([key, value]) => [`${key}=${value}`, true]),
  );
  const walk = (route: Route) => {
    assert.ok(known.includes(route.receiver), route.receiver);
    for (const [key, , value] of route.object_matchers ?? []) {
      assert.ok(labels.has(`${key}=${value}`), `${key}=${value}`);
    }
    route.routes?.forEach(walk);
  };
  assert.equal(policies.length, 1);
  policies.forEach(({ route }) => walk(route));
});

Deno.test("the dashboards of the article's ways need nothing of the app when they are read from files", () => {
  assert.deepEqual(namesIn("examples/dashboards"), ["article_ways.yaml"]);
  assert.equal(
    dashboardProvidersFile.parse(yaml("examples/dashboards/article_ways.yaml")).providers.length,
    1,
  );
  const folder = new URL("grafana-plugin/src/dashboards/", ROOT);
  for (const way of ["cassandra", "infinity"]) {
    const files = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(`_${way}.json`));
    assert.equal(files.length, 4);
    for (const { name } of files) {
      const dashboard = Deno.readTextFileSync(new URL(name, folder));
      for (const id of [APP_ID, DATASOURCE_ID, "candlewire-orderbook-panel", "candlewire-pipeline-panel"]) {
        assert.ok(!dashboard.includes(id), `${name}: ${id}`);
      }
    }
  }
});

Deno.test({
  ...composeIgnore("Docker mounts the app's settings and the rules only together with the plugin"),
  fn: async () => {
    const { folder, file } = await makeEnvFile();
    try {
      const mounted = async (environment: Record<string, string>) => {
        const { services } = await loadCompose({ envFiles: [file], environment });
        const root = fileURLToPath(ROOT);
        return Object.fromEntries(
          services.grafana!.volumes!.filter(({ target }) => target.startsWith("/etc/grafana/provisioning"))
            .map(({ source, target }) => [target.replace("/etc/grafana/", ""), source.replace(root, "")]),
        );
      };
      assert.deepEqual(await mounted({}), {
        "provisioning": "provisioning",
        "provisioning/plugins": "runtime/docker/grafana/no-plugin",
        "provisioning/alerting": "runtime/docker/grafana/no-plugin",
      });
      assert.deepEqual(await mounted({ CANDLEWIRE_PLUGIN_DIR: "./grafana-plugin/dist" }), {
        "provisioning": "provisioning",
        "provisioning/plugins": "provisioning/plugins",
        "provisioning/alerting": "provisioning/alerting",
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

type Expression = ReturnType<typeof expression.parse>;

function inputsOf(model: Expression): string[] {
  return model.type === "math"
    ? [...model.expression.matchAll(/\$([A-Z])/g)].map(([, refId]) => refId!)
    : [model.expression];
}

/** What each step of a rule answers: a series, a number or a threshold; throws where a step reads what it cannot. */
function evaluated(rule: Rule): Map<string, "series" | "number" | "threshold"> {
  const kinds = new Map<string, "series" | "number" | "threshold">();
  for (const { refId, datasourceUid, model } of rule.data) {
    assert.ok(!kinds.has(refId), `${rule.uid} has ${refId} twice`);
    if (datasourceUid !== "__expr__") {
      kinds.set(refId, model.format === "timeseries" ? "series" : "number");
      continue;
    }
    const parsed = expression.parse(model);
    const inputs = inputsOf(parsed);
    assert.ok(inputs.length > 0, `${rule.uid} ${refId} reads nothing`);
    for (const input of inputs) {
      const kind = kinds.get(input);
      assert.ok(kind !== undefined, `${rule.uid} ${refId} reads ${input}, which is not before it`);
      assert.equal(
        kind,
        parsed.type === "reduce" ? "series" : "number",
        `${rule.uid} ${refId} reads ${input}`,
      );
    }
    kinds.set(refId, parsed.type === "threshold" ? "threshold" : "number");
  }
  return kinds;
}

/** Whether a rule fires on what its queries answer, step by step as the expressions say. */
function judge(rule: Rule, answers: Record<string, number[]>): boolean {
  const values = new Map<string, number>();
  for (const { refId, datasourceUid, model } of rule.data) {
    if (datasourceUid !== "__expr__") {
      if (model.format !== "timeseries") values.set(refId, answers[refId]![0]!);
      continue;
    }
    const parsed = expression.parse(model);
    if (parsed.type === "reduce") {
      const series = answers[parsed.expression]!;
      assert.ok(parsed.reducer === "max" || parsed.reducer === "last");
      values.set(refId, parsed.reducer === "max" ? Math.max(...series) : series.at(-1)!);
    } else if (parsed.type === "math") {
      assert.match(parsed.expression, /^[$A-Z0-9().+*/ -]+$/);
      const known = parsed.expression.replace(/\$([A-Z])/g, (_, name) => `(${values.get(name)})`);
      values.set(refId, Number(new Function(`return ${known}`)()));
    } else {
      const { type, params } = parsed.conditions[0]!.evaluator;
      const value = values.get(parsed.expression)!;
      assert.ok(type === "gt" || type === "lt");
      values.set(refId, (type === "gt" ? value > params[0]! : value < params[0]!) ? 1 : 0);
    }
  }
  return values.get(rule.condition) === 1;
}
