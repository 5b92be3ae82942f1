import assert from "node:assert/strict";
import { z } from "zod";
import { fixture } from "./control_fixture.ts";

type Json = Record<string, unknown>;

/** What OpenAPI 3.1 asks of a document's parts that we use (spec.openapis.org/oas/v3.1.1). */
const reference = z.strictObject({ $ref: z.string().startsWith("#/components/schemas/") });
const schema = z.union([reference, z.record(z.string(), z.unknown())]);
const content = z.record(z.string().regex(/^[\w.+-]+\/[\w.+-]+$/), z.strictObject({ schema }));
const operation = z.strictObject({
  operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
  tags: z.array(z.string()).length(1),
  summary: z.string().min(1),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  parameters: z.array(z.looseObject({
    name: z.string(),
    in: z.enum(["query", "path", "header"]),
    required: z.boolean().optional(),
    schema,
  })).optional(),
  requestBody: z.strictObject({ required: z.literal(true), content }).optional(),
  responses: z.record(
    z.string().regex(/^[1-5]\d\d$/),
    z.strictObject({
      description: z.string().min(1),
      content: content.optional(),
    }),
  ),
});
const document = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d$/),
  info: z.strictObject({
    title: z.string(),
    version: z.string(),
    description: z.string(),
    license: z.looseObject({ name: z.string() }),
  }),
  servers: z.array(z.strictObject({ url: z.string() })),
  paths: z.record(z.string().startsWith("/"), z.partialRecord(z.enum(["get", "post", "delete"]), operation)),
  components: z.strictObject({
    schemas: z.record(z.string().regex(/^\w+$/), schema),
    parameters: z.record(z.string(), z.unknown()),
    securitySchemes: z.record(z.string(), z.looseObject({ type: z.enum(["http", "apiKey"]) })),
  }),
  webhooks: z.record(z.string(), z.unknown()).optional(),
  "x-candlewire": z.unknown(),
});

async function served() {
  const f = fixture();
  const text = await (await f.request("/openapi.json")).text();
  const docs = await (await f.request("/docs")).text();
  const routes = f.app.routes;
  await f.close();
  return { text, docs, routes, parsed: document.parse(JSON.parse(text)) };
}

Deno.test("the served document is OpenAPI 3.1, its references and parameters are whole", async () => {
  const { parsed, text } = await served();
  const ids = new Set<string>();
  for (const [path, item] of Object.entries(parsed.paths)) {
    for (const [method, one] of Object.entries(item)) {
      const name = `${method} ${path}`;
      assert.ok(!ids.has(one!.operationId), `${one!.operationId} twice`);
      ids.add(one!.operationId);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = (one!.parameters ?? []).filter((parameter) => parameter.in === "path");
      assert.deepEqual(declared.map((parameter) => parameter.name).sort(), inPath.sort(), name);
      assert.ok(declared.every((parameter) => parameter.required), name);
      for (const requirement of one!.security ?? []) {
        for (const scheme of Object.keys(requirement)) {
          assert.ok(parsed.components.securitySchemes[scheme], scheme);
        }
      }
      // Whoever must sign in is told what happens when not.
      if (path.startsWith("/api/v1")) {
        assert.equal(one!.security?.length, 2, name);
        for (const status of ["401", "403", "429"]) {
          assert.ok(one!.responses[status]?.content?.["application/problem+json"], name);
        }
        if (one!.parameters?.length || one!.requestBody) assert.ok(one!.responses["400"], name);
      }
    }
  }
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    assert.ok(parsed.components.schemas[name!], `${name} is missing`);
  }
});

Deno.test("every route is documented, and every documented one is there", async () => {
  const { parsed, routes } = await served();
  const documented = Object.entries(parsed.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${path}`)
  ).sort();
  const files = ["/openapi.json", "/docs", "/vendor/{file}", "/*", "/api/*"];
  const there = new Set(
    routes.filter((route) => route.method !== "ALL")
      .map((route) => `${route.method.toLowerCase()} ${route.path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`)
      .filter((route) => !files.includes(route.split(" ")[1]!)),
  );
  assert.deepEqual([...there].sort(), documented);
  // DESIGN.md's list, to the letter.
  const list = [
    "get /api/v1/pipeline",
    "get /api/v1/modules",
    "get /api/v1/modules/{name}",
    "post /api/v1/modules/{name}/{action}",
    "get /api/v1/modules/{name}/logs",
    "get /api/v1/events",
    "get /api/v1/dead-letters",
    "get /api/v1/dead-letters/{id}",
    "delete /api/v1/dead-letters/{id}",
    "post /api/v1/dead-letters/retry",
    "post /api/v1/replays",
    "get /api/v1/replays",
    "get /api/v1/replays/{id}",
    "delete /api/v1/replays/{id}",
    "get /api/v1/completeness",
    "get /api/v1/lineage/trades/{symbol}/{tradeId}",
    ...["tickers", "prices", "klines", "order-book", "trades", "aggregates"].map((one) =>
      `get /api/v1/market/${one}`
    ),
  ];
  for (const route of list) assert.ok(documented.includes(route), route);
});

Deno.test("the page for people shows every operation, needs nothing from elsewhere, says SIMULATED (I8)", async () => {
  const { docs, parsed } = await served();
  for (const path of Object.keys(parsed.paths)) assert.ok(docs.includes(`<code>${path}</code>`), path);
  assert.ok(
    !/<script|src=|@import|url\(|https?:\/\/(?!www\.w3)/i.test(
      docs.replace(/https:\/\/[\w./-]+(?=["&<])/g, ""),
    ),
  );
  assert.match(docs, /SIMULATED/);
  const live = fixture({ origin: { kind: "live", id: "binance", label: "Binance" } });
  assert.ok(!(await (await live.request("/docs")).text()).includes("SIMULATED"));
  await live.close();
});

Deno.test("answers have the shape that the document states", async () => {
  const f = fixture();
  const { parsed } = await served();
  for (const [path, item] of Object.entries(parsed.paths)) {
    if (item.get === undefined || path === "/login" || path === "/metrics" || path.endsWith("/events")) {
      continue;
    }
    const real = path.replace("{name}", "consumer").replace("{symbol}", "BTCUSDT").replace("{tradeId}", "100")
      .replace("{id}", path.includes("replays") ? "replay-1" : "letter-1");
    if (path.includes("replays/{id}")) {
      await f.request("/api/v1/replays", {
        method: "POST",
        token: f.given.tokens.operator,
        body: `{"topic":"binance.public.klines"}`,
      });
    }
    const query = path.includes("/market/") && !path.endsWith("tickers") ? "?symbol=BTCUSDT" : "";
    const answer = await f.request(`${real}${query}`, {
      token: f.given.tokens.viewer,
      headers: { accept: "application/json" },
    });
    const body = await answer.json();
    const stated = item.get.responses[String(answer.status)]?.content?.["application/json"]?.schema as Json;
    const wrong = mismatch(body, stated, parsed.components.schemas as Record<string, Json>, path);
    assert.equal(wrong, undefined);
  }
  await f.close();
});

/** Where a value is not as its schema says; knows the keywords that our document uses. */
function mismatch(value: unknown, schema: Json, all: Record<string, Json>, at: string): string | undefined {
  if (schema === undefined) return `${at}: nothing stated`;
  if (typeof schema.$ref === "string") return mismatch(value, all[schema.$ref.split("/").at(-1)!]!, all, at);
  for (const union of [schema.anyOf, schema.oneOf]) {
    if (Array.isArray(union)) {
      return union.some((one) => mismatch(value, one, all, at) === undefined)
        ? undefined
        : `${at}: no variant fits`;
    }
  }
  if (Array.isArray(schema.allOf)) {
    for (const one of schema.allOf) {
      const wrong = mismatch(value, one, all, at);
      if (wrong !== undefined) return wrong;
    }
  }
  const types = Array.isArray(schema.type)
    ? schema.type
    : schema.type === undefined
    ? undefined
    : [schema.type];
  const actual = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const fits = types?.some((type) => type === actual || (type === "integer" && Number.isInteger(value)));
  if (fits === false) return `${at}: ${actual} is not ${types}`;
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) {
    return `${at}: ${value} is not of ${schema.enum}`;
  }
  if (Array.isArray(value)) {
    for (const [n, one] of value.entries()) {
      const wrong = mismatch(one, (schema.items ?? {}) as Json, all, `${at}[${n}]`);
      if (wrong !== undefined) return wrong;
    }
  } else if (typeof value === "object" && value !== null && schema.properties !== undefined) {
    const properties = schema.properties as Record<string, Json>;
    for (const name of (schema.required ?? []) as string[]) {
      if ((value as Json)[name] === undefined) return `${at}.${name} is missing`;
    }
    for (const [name, one] of Object.entries(value)) {
      if (properties[name] === undefined) {
        if (schema.additionalProperties === undefined) return `${at}.${name} is not stated`;
        continue;
      }
      const wrong = mismatch(one, properties[name], all, `${at}.${name}`);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}
