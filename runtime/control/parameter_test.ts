import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { fixture, OPERATOR } from "./control_fixture.ts";
import { parseTime } from "./parameter.ts";

Deno.test("times: what is one and what is not", () => {
  const good: [string, number][] = [
    ["0", 0],
    ["1769860800000", 1769860800000],
    ["2026-01-31T12:00:00Z", 1769860800000],
    ["2026-01-31", 1769817600000],
    ["2026-01-31T12:00:00.123456Z", 1769860800123],
    ["2026-01-31T12:00-05:30", 1769880600000],
  ];
  for (const [text, value] of good) assert.equal(parseTime(text), value, text);
  for (
    const text of [
      "",
      "now",
      "1e3",
      "2026-13-01",
      "2026-01-31T12:00:00",
      "99999999999999999",
      "1.5",
      "Jan 1 2026",
      "٣",
    ]
  ) {
    assert.equal(parseTime(text), undefined, text);
  }
});

Deno.test("property: no parameter, path or body makes a 500 or an answer without problem or origin", async () => {
  const seed = testSeed("control parameters");
  const f = fixture({ settings: { maxReaders: 100_000 } });
  const document = await (await f.request("/openapi.json")).json();
  const operations = Object.entries(
    document.paths as Record<
      string,
      Record<string, {
        parameters?: { name: string; in: string }[];
      }>
    >,
  ).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation }))
  );
  const odd = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ unit: "grapheme", maxLength: 20 }),
    fc.constantFrom(
      "0",
      "-1",
      "1e9",
      "NaN",
      "9007199254740993",
      "BTCUSDT",
      "币安人生USDT",
      "asc",
      "\u0000",
      "../..",
      "%",
      "__proto__",
      "constructor",
      "null",
      "[]",
      "{}",
      "2026-01-31T12:00:00Z",
      "a,b",
      "letter-1",
      "true",
    ),
    fc.integer().map(String),
  );
  const body = fc.oneof(
    fc.json(),
    odd,
    fc.record({
      topic: fc.oneof(odd, fc.constant("binance.public.klines")),
      partition: fc.anything(),
      from_offset: fc.anything(),
    }, { requiredKeys: [] })
      .map((one) => JSON.stringify(one, (_, value) => typeof value === "bigint" ? String(value) : value)),
  );
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...operations),
      fc.array(odd, { minLength: 8, maxLength: 8 }),
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      fc.dictionary(odd, odd, { maxKeys: 2 }),
      body,
      async ({ path, method, operation }, values, given, extra, sent) => {
        let at = 0;
        const real = path.replace(/\{\w+\}/g, () => encodeURIComponent(wellFormed(values[at++ % 8]!)) || "x");
        const query = new URLSearchParams();
        for (const parameter of operation.parameters ?? []) {
          if (parameter.in === "query" && given[at % 8]) query.append(parameter.name, values[at % 8]!);
          at++;
        }
        for (const [name, value] of Object.entries(extra)) query.append(name, value);
        const answer = await f.request(`${real}?${query}`, {
          method: method.toUpperCase(),
          token: OPERATOR,
          ...(method === "post" ? { body: wellFormed(sent) } : {}),
        });
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        const type = answer.headers.get("content-type") ?? "";
        if (type.startsWith("text/event-stream")) {
          await answer.body!.cancel();
          return;
        }
        const text = await answer.text();
        // The operator fixture restarts and stops modules: a call to one that is down is a 503, never a 500.
        assert.ok(answer.status !== 500, `${method} ${real}?${query} ${sent}: ${text}`);
        assert.equal(answer.headers.get("candlewire-simulated"), "true");
        if (answer.status >= 400 && real !== "/readyz") {
          assert.equal(type, "application/problem+json", text);
          assert.ok(JSON.parse(text).code, text);
        }
        for (const module of f.host.modules()) module.state = "running";
      },
    ),
    { seed, numRuns: 1500 },
  );
  console.log("answers by status", Object.fromEntries([...statuses].sort()));
  assert.deepEqual(f.logs.filter((line) => line.level === "error"), []);
  await f.close();
});

/** Lone surrogates cannot be sent in an address or a body. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}
