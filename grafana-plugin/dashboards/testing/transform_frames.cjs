// Applies a panel's transformations by Grafana's own code: {transformations, frames} on standard input, frames on
// standard output. Run with grafana-plugin as the working folder, whose node_modules hold @grafana/data.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const data = createRequire(join(process.cwd(), "package.json"))("@grafana/data");
// Grafana's page has one; the library asks it whether a scene interpolates already.
globalThis.window ??= globalThis;
const byId = new Map(Object.values(data.standardTransformers).map((one) => [one.id, one]));
data.standardTransformersRegistry.setInit(() =>
  [...byId.values()].map((one) => ({
    id: one.id,
    name: one.name,
    aliasIds: [],
    transformation: () => Promise.resolve(one),
  }))
);

const { transformations, frames } = JSON.parse(readFileSync(0, "utf8"));
const unknown = transformations.filter(({ id }) => !byId.has(id));
if (unknown.length > 0) throw new Error(`No transformation ${unknown.map(({ id }) => id).join(", ")}`);
data.transformDataFrame(transformations, frames.map((frame) => data.toDataFrame(frame))).subscribe((made) => {
  process.stdout.write(JSON.stringify(made.map((frame) => ({
    refId: frame.refId,
    name: frame.name,
    fields: frame.fields.map(({ name, type, values }) => ({ name, type, values: [...values] })),
  }))));
});
