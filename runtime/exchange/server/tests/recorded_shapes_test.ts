import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { epochMs } from "../../../market/epoch.ts";
import { call, memoryExchange } from "../testing/stream_client.ts";

/** Real bodies of api.binance.com, recorded by others; they live beside a checkout and are never part of one. */
const DATA = new URL("../../../../../shared/data/", import.meta.url);
const REST = "gocryptotrader-rest-recorded.json.gz";

function present(file: string): boolean {
  try {
    return Deno.statSync(new URL(file, DATA)).isFile;
  } catch {
    return false;
  }
}

function read(file: string) {
  return JSON.parse(new TextDecoder().decode(gunzipSync(Deno.readFileSync(new URL(file, DATA)))));
}

/** What a JSON value is: types of fields by name, of elements by place. Decimal text tells its decimals. */
function shape(value: unknown): string {
  if (Array.isArray(value)) {
    const inner = value.map(shape);
    return new Set(inner).size === 1 ? `[${inner[0]}…]` : `[${inner.join()}]`;
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([name]) => name !== "").sort(([a], [b]) => a < b ? -1 : 1);
    return `{${fields.map(([name, field]) => `${name}:${shape(field)}`).join()}}`;
  }
  if (typeof value === "string" && /^-?\d+\.\d+$/.test(value)) return `decimal${value.split(".")[1]!.length}`;
  return typeof value;
}

/** A recorded route, the request that we compare, and what Binance added since or a single symbol may lack. */
const ROUTES: [string, string, { added?: string[]; first?: boolean }?][] = [
  ["/api/v3/trades", "symbol=BTCUSDT&limit=20"],
  ["/api/v3/historicalTrades", "symbol=BTCUSDT&limit=5"],
  ["/api/v3/aggTrades", "symbol=BTCUSDT&limit=20"],
  ["/api/v3/klines", "symbol=BTCUSDT&interval=1m&limit=1"],
  ["/api/v3/depth", "symbol=BTCUSDT&limit=20"],
  ["/api/v3/avgPrice", "symbol=BTCUSDT", { added: ["closeTime"] }],
  ["/api/v3/ticker/24hr", "symbol=BTCUSDT"],
  ["/api/v3/ticker/price", "symbol=BTCUSDT"],
  ["/api/v3/ticker/bookTicker", "symbol=BTCUSDT"],
];

const missing = present(REST) ? "" : " (skipped: ../shared/data is absent)";

for (const [route, query, options = {}] of ROUTES) {
  Deno.test({
    name: `the body of ${route} has the recorded shape${missing}`,
    ignore: missing !== "",
    async fn() {
      await using exchange = await memoryExchange({ paused: true });
      exchange.market.advance(epochMs(1_700_000_120_000), Infinity);
      const recorded: { data: unknown }[] = read(REST)[route];
      // Anonymised recordings of aggTrades lost a field's name; those rows are no measure.
      const real = recorded.map((each) => each.data).find((data) => !JSON.stringify(data).includes('"":'))!;
      const { body } = await call(exchange, `${route}?${query}`);
      const ours = Array.isArray(body) ? body : { ...body };
      for (const name of options.added ?? []) delete ours[name];
      const sample = (value: unknown) => Array.isArray(value) ? value.slice(0, 1) : value;
      assert.equal(shape(sample(ours)), shape(sample(real)));
    },
  });
}

Deno.test({
  name: `the all-market ticker has the recorded shape and field order${missing}`,
  ignore: missing !== "",
  async fn() {
    await using exchange = await memoryExchange({ paused: true });
    const real = read("ticker-24hr-all-2024-01-05.json.gz");
    const quiet = (await call(exchange, "/api/v3/ticker/24hr")).body[0];
    const dead = real.find((each: { count: number }) => each.count === 0);
    assert.deepEqual(Object.keys(quiet), Object.keys(dead));
    assert.deepEqual([quiet.firstId, quiet.lastId, quiet.count], [dead.firstId, dead.lastId, dead.count]);
    exchange.market.advance(epochMs(1_700_000_120_000), Infinity);
    const live = (await call(exchange, "/api/v3/ticker/24hr")).body[0];
    assert.deepEqual(Object.keys(live), Object.keys(real[0]));
    assert.equal(shape(live), shape(real[0]));
  },
});

Deno.test({
  name: `exchangeInfo has every recorded field, type for type${missing}`,
  ignore: missing !== "",
  async fn() {
    await using exchange = await memoryExchange({ paused: true });
    const { body } = await call(exchange, "/api/v3/exchangeInfo");
    const real = read(REST)["/api/v3/exchangeInfo"][0].data;
    assert.deepEqual(Object.keys(body).sort(), Object.keys(real).sort());
    assert.equal(shape(body.rateLimits), shape(real.rateLimits));
    for (const [name, value] of Object.entries(real.symbols[0])) {
      if (name === "filters") continue;
      assert.equal(typeof body.symbols[0][name], typeof value, name);
    }
    type Filter = { filterType: string };
    const ours = new Map<string, Filter>(
      body.symbols[0].filters.map((each: Filter) => [each.filterType, each]),
    );
    for (const filter of real.symbols[0].filters as Filter[]) {
      assert.equal(shape(ours.get(filter.filterType)), shape(filter), filter.filterType);
    }
  },
});
