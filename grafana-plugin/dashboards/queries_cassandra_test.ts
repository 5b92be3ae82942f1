import assert from "node:assert/strict";
import { parse } from "yaml";
import type { DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import { connectCassandra } from "../../runtime/cassandra/client_cassandra.ts";
import { fixture, VIEWER } from "../../runtime/control/control_fixture.ts";
import { CassandraMarketStore } from "../../runtime/consumer/store/cassandra.ts";
import { CassandraMarketQuery } from "../../runtime/query/cassandra.ts";
import { testKeyspace } from "../../runtime/query/testing/cassandra_keyspace.ts";
import { ORIGIN, T0 } from "../../runtime/query/testing/query_subject.ts";
import { needStack, stackIgnore, stackName } from "../../runtime/tests/test_stack.ts";
import { askCassandraPlugin } from "./testing/cassandra_plugin.ts";
import { column, type Frame, rowsOf } from "./testing/frame.ts";
import { askInfinityPlugin } from "./testing/infinity_plugin.ts";
import {
  BOOK,
  CANDLES,
  fill,
  PRICES,
  RANGE,
  realisedVolatility,
  type Ticker,
  TICKERS,
  TRADES,
  vwap,
} from "./testing/market_truth.ts";
import { asFrames, askOwnBackend, ownInstance } from "./testing/own_plugin.ts";
import { dataSourcesFile, rulesFile } from "./testing/provisioning_model.ts";
import { transformFrames, transformReason } from "./testing/transform_frames.ts";
import { withVariables } from "./testing/variables.ts";
import { cassandra } from "./ways/cassandra.ts";
import { infinity } from "./ways/infinity.ts";
import { market } from "./ways/market.ts";
import type { Query, Question, Way } from "./ways/way.ts";

// Every query of the committed dashboards, in all three ways, on the real Cassandra that the runtime's own store
// filled: what the panels get equals what was stored. Our own data source's are run by its backend's own code, short of the
// protocol, which the backend's tests hold to Grafana's client.

const CHOSEN = { symbol: "ETHUSDT", ...RANGE };
const MINUTE = 60_000;

type Target = Query & { refId: string };
type Panel = {
  title: string;
  type: string;
  targets?: Target[];
  transformations?: DataTransformerConfig[];
};
type Saved = { title: string; panels: Panel[]; templating: { list: { name: string; query: unknown }[] } };
type Ask = (target: Target) => Promise<Frame[]>;

/** What a question's panel gets; a panel of it must be in a committed dashboard. */
class Answers {
  readonly #ask: Ask;
  readonly #panels: Panel[];
  readonly #seen = new Set<Panel>();

  constructor(ask: Ask, saved: Saved[]) {
    this.#ask = ask;
    this.#panels = saved.flatMap(({ panels }) => panels).filter(({ targets }) => targets !== undefined);
  }

  async of(question: Question<string>): Promise<Frame[]> {
    const panels = this.#panels.filter((panel) => sameQueries(panel, question));
    assert.ok(panels.length > 0, `No panel asks ${JSON.stringify(question.queries)}`);
    for (const panel of panels) this.#seen.add(panel);
    const [first] = panels;
    const frames = [];
    for (const target of first!.targets!) frames.push(...await this.#ask(withVariables(target, CHOSEN)));
    return await transformFrames(first!.transformations ?? [], frames);
  }

  /** Titles of panels that no question has asked for. */
  unseen(): string[] {
    return this.#panels.filter((panel) => !this.#seen.has(panel)).map(({ title }) => title);
  }
}

function sameQueries(panel: Panel, question: Question<string>): boolean {
  const asked = panel.targets!.map(({ refId: _, datasource: __, ...query }) => query);
  return JSON.stringify(asked) === JSON.stringify(question.queries) &&
    JSON.stringify(panel.transformations ?? []) === JSON.stringify(question.transformations ?? []);
}

async function saved(way: Way): Promise<Saved[]> {
  const folder = new URL("../src/dashboards/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    way === market ? !/_(cassandra|infinity)\.json$/.test(name) : name.endsWith(`_${way.key}.json`)
  );
  assert.equal(names.length, way === market ? 6 : 4);
  return await Promise.all(
    names.map(async (name) => JSON.parse(await Deno.readTextFile(new URL(name, folder))) as Saved),
  );
}

/** A filled keyspace, asked as each plugin asks. */
async function opened() {
  const { cassandra: servers } = needStack();
  assert.ok(servers.contactPoints.length > 0);
  const keyspace = await testKeyspace();
  await using store = await CassandraMarketStore.open(keyspace.login, {
    origin: ORIGIN,
    writer: "consumer",
    retention: {
      crypto_24h_stats: null,
      latest_prices: null,
      klines: null,
      order_book: null,
      recent_trades: null,
      completeness: null,
      windows_1s: null,
      windows: null,
      alerts: null,
    },
  });
  await fill(store);
  const client = await connectCassandra(keyspace.login);
  const query = new CassandraMarketQuery(keyspace.login);
  const control = fixture({ query, origin: ORIGIN });
  const get = (path: string) => control.request(path, { token: VIEWER });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request, { remoteAddr }) => control.app.fetch(request, { remoteAddr }),
  );
  const own = provisioned({
    CANDLEWIRE_URL: `http://127.0.0.1:${server.addr.port}`,
    CASSANDRA_CONTACT_POINTS: servers.contactPoints.map((host) => `${host}:${servers.port}`).join(),
    CASSANDRA_DATA_CENTER: servers.localDataCenter,
    VIEWER_TOKEN: VIEWER,
  }, keyspace.login.keyspace);
  return {
    own,
    cassandra: ((target) => askCassandraPlugin(client, target, RANGE)) as Ask,
    infinity: ((target) => askInfinityPlugin(get, target)) as Ask,
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]();
      await server.shutdown();
      await client.shutdown();
      await query[Symbol.asyncDispose]();
      await keyspace[Symbol.asyncDispose]();
    },
  };
}

/** Our own data source with the settings of provisioning/, in the test's keyspace. */
function provisioned(environment: Record<string, string>, keyspace: string) {
  const read = (path: string) =>
    Deno.readTextFileSync(new URL(`../../provisioning/${path}`, import.meta.url));
  const { datasources } = dataSourcesFile.parse(parse(read("datasources/candlewire.yaml")));
  const { uid, jsonData, secureJsonData } = datasources.find((one) => one.type === market.type)!;
  const expanded = <T>(value: T): T =>
    JSON.parse(
      JSON.stringify(value).replace(/\$__env\{(\w+)\}/g, (_, name) => environment[name] ?? ""),
    );
  return ownInstance(uid, { ...expanded(jsonData), keyspace }, expanded(secureJsonData));
}

/** Candles, prices and windows are one series each; sorted by time, oldest first. */
function only(frames: Frame[]): Frame {
  assert.equal(frames.length, 1, `frames: ${frames.map(({ name }) => name)}`);
  return frames[0]!;
}

function series(frame: Frame, columns: { time: string; value: string }): [number, unknown][] {
  const times = column(frame, columns.time, "time") as number[];
  const values = column(frame, columns.value, "number");
  return times.map((time, index) => [time, values[index]]);
}

const inRange = CANDLES.filter(({ minute }) => minute >= 0);
const volumeOf = (ticker: Ticker) => Number(ticker.volume);
const quoteVolumeOf = (ticker: Ticker) => Number(ticker.quoteVolume);

function ranked(tickers: Ticker[], value: (ticker: Ticker) => number): [string, number][] {
  return tickers.map((ticker): [string, number] => [ticker.symbol, value(ticker)])
    .sort(([, a], [, b]) => b - a).slice(0, 10);
}

/** A ten, as symbols and values in the panel's order. */
function ten(frame: Frame, columns: { symbol: string; value: string }): [unknown, unknown][] {
  const values = column(frame, columns.value, "number");
  return column(frame, columns.symbol, "string").map((symbol, index) => [symbol, values[index]]);
}

/** What both ways must answer alike. */
async function checkSeries(way: Way, answers: Answers): Promise<void> {
  const at = (minute: number) => T0 + minute * MINUTE;
  const counts = way.tradeCounts();
  assert.deepEqual(
    series(only(await answers.of(counts)), counts.columns),
    inRange.map(({ minute, trades }) => [at(minute), trades]),
    "trade counts",
  );
  const candles = way.candles();
  const { columns } = candles;
  const drawn = only(await answers.of(candles));
  assert.deepEqual(
    ["open", "high", "low", "close", "volume"].map((name) =>
      column(drawn, columns[name as keyof typeof columns], "number")
    ),
    [
      inRange.map(({ open }) => open),
      inRange.map(({ high }) => high),
      inRange.map(({ low }) => low),
      inRange.map(({ close }) => close),
      inRange.map(({ volume }) => volume),
    ],
    "candles",
  );
  assert.deepEqual(column(drawn, columns.time, "time"), inRange.map(({ minute }) => at(minute)));
  const paid = way.quoteVolumes();
  assert.deepEqual(
    series(only(await answers.of(paid)), paid.columns),
    inRange.map(({ minute, volume }) => [at(minute), volume * 2700]),
    "quote volumes",
  );
  const prices = way.prices();
  assert.deepEqual(
    series(only(await answers.of(prices)), prices.columns),
    PRICES.filter(({ second }) => second >= 0).map(({ second, price }) => [T0 + second * 1000, price]),
    "prices",
  );
}

/** Windows, oldest first; nulls are not drawn. */
function windowsOf(frame: Frame, columns: { time: string; value: string }): [number, number][] {
  return series(frame, columns).filter((row): row is [number, number] => row[1] !== null);
}

function closeTo(actual: [number, number][], wanted: [number, number][], what: string): void {
  assert.deepEqual(actual.map(([time]) => time), wanted.map(([time]) => time), what);
  for (const [index, [, value]] of actual.entries()) {
    assert.ok(
      Math.abs(value - wanted[index]![1]) <= 1e-9 * wanted[index]![1],
      `${what}: ${actual} is not ${wanted}`,
    );
  }
}

async function checkWindows(way: Way, answers: Answers): Promise<void> {
  const volatility = way.volatility();
  const frames = await answers.of(volatility);
  const of = (refId: string) =>
    windowsOf(only(frames.filter((frame) => frame.refId === refId)), volatility.columns);
  const minutes = [0, 1, 2];
  const opens = (length: number) => [
    ...new Set(minutes.map((minute) => Math.floor((T0 + minute * MINUTE) / length) * length)),
  ];
  const within = (open: number, length: number) =>
    minutes.filter((minute) => T0 + minute * MINUTE >= open && T0 + minute * MINUTE < open + length);
  for (const [refId, length] of [["A", MINUTE], ["B", 5 * MINUTE], ["C", 60 * MINUTE]] as const) {
    const wanted = opens(length).map((open): [number, number] => [
      open,
      realisedVolatility(within(open, length)),
    ]);
    closeTo(of(refId), wanted, `${length} ms`);
  }
  const average = way.vwap();
  closeTo(
    windowsOf(only(await answers.of(average)), average.columns),
    minutes.map((minute): [number, number] => [T0 + minute * MINUTE, vwap(minute)]),
    "vwap",
  );
}

/** A test's name and whether it is skipped, with the reason in the name: it needs the servers and Grafana's library. */
function needing(name: string): { name: string; ignore: boolean } {
  return transformReason === ""
    ? { name: stackName(name), ...stackIgnore }
    : { name: `${name} (skipped: ${transformReason})`, ignore: true };
}

async function checkOrigin(way: Way, answers: Answers): Promise<void> {
  const origin = way.origin();
  const frame = only(await answers.of(origin));
  assert.deepEqual(column(frame, origin.columns.origin, "string"), [ORIGIN.kind]);
}

Deno.test({
  ...needing("the dashboards' queries by HadesArchitect's data source answer what is stored in Cassandra"),
  fn: async () => {
    await using servers = await opened();
    const dashboards = await saved(cassandra);
    const answers = new Answers(servers.cassandra, dashboards);
    await checkOrigin(cassandra, answers);
    const raw = cassandra.topByVolume();
    assert.deepEqual(ten(only(await answers.of(raw)), raw.columns), ranked(TICKERS, volumeOf));
    const usdt = TICKERS.filter(({ quote }) => quote === "USDT");
    const top = cassandra.topByQuoteVolume();
    const frame = only(await answers.of(top));
    assert.deepEqual(ten(frame, top.columns), ranked(usdt, quoteVolumeOf));
    assert.deepEqual(
      frame.fields.map(({ name }) => name),
      ["symbol", "quote_volume"],
      "the bars have one value",
    );
    const tickers = cassandra.tickers();
    const rows = rowsOf(only(await answers.of(tickers)));
    assert.deepEqual(
      rows.map((row) => [row.symbol, row.last_price, row.volume, row.quote_volume, row.updated_at]),
      ranked(usdt, quoteVolumeOf).map(([symbol, quoteVolume]) => {
        const { last, volume } = TICKERS.find((ticker) => ticker.symbol === symbol)!;
        return [symbol, Number(last), Number(volume), quoteVolume, T0];
      }),
    );
    await checkSeries(cassandra, answers);
    await checkWindows(cassandra, answers);
    assert.deepEqual(answers.unseen(), [], "every panel's query was run");
    for (const { templating } of dashboards) {
      for (const { name, query } of templating.list) {
        if (name !== "symbol") continue;
        const { query: target } = query as { query: string };
        const found = await servers.cassandra({ refId: "V", queryType: "query", rawQuery: true, target });
        assert.deepEqual(found.map((one) => one.name).sort(), TICKERS.map(({ symbol }) => symbol).sort());
      }
    }
  },
});

Deno.test({
  ...needing("the dashboards' queries by Infinity answer what is stored, through the control API"),
  fn: async () => {
    await using servers = await opened();
    const dashboards = await saved(infinity);
    const answers = new Answers(servers.infinity, dashboards);
    await checkOrigin(infinity, answers);
    const raw = infinity.topByVolume();
    assert.deepEqual(ten(only(await answers.of(raw)), raw.columns), ranked(TICKERS, volumeOf));
    // Converted by the last prices: ETHBTC's 360 BTC are worth more than most markets' USDT.
    const inUsdt = (ticker: Ticker) => quoteVolumeOf(ticker) * (ticker.quote === "BTC" ? 60000.10 : 1);
    const top = infinity.topByQuoteVolume();
    assert.deepEqual(ten(only(await answers.of(top)), top.columns), ranked(TICKERS, inUsdt));
    assert.equal(ranked(TICKERS, inUsdt)[2]![0], "ETHBTC");
    const tickers = infinity.tickers();
    assert.deepEqual(
      rowsOf(only(await answers.of(tickers))).map((
        row,
      ) => [row.symbol, row.quote_volume_usdt, row.updated_at]),
      ranked(TICKERS, inUsdt).map(([symbol, value]) => [symbol, value, T0]),
    );
    await checkSeries(infinity, answers);
    await checkWindows(infinity, answers);
    assert.deepEqual(answers.unseen(), [], "every panel's query was run");
    for (const { templating } of dashboards) {
      for (const { name, query } of templating.list) {
        if (name !== "symbol") continue;
        const { infinityQuery } = query as { infinityQuery: Target };
        const [found] = await servers.infinity(withVariables(infinityQuery, CHOSEN));
        assert.deepEqual(
          column(found!, "symbol", "string").toSorted(),
          TICKERS.map(({ symbol }) => symbol).sort(),
        );
      }
    }
  },
});

Deno.test({
  ...needing("the dashboards' and rules' queries by our own data source answer what is stored in Cassandra"),
  fn: async () => {
    await using servers = await opened();
    const dashboards = await saved(market);
    const ask = (target: Target) => askOwnBackend(servers.own, target, RANGE);
    const answers = new Answers(async (target) => asFrames(await ask(target)), dashboards);
    const top = market.topByQuoteVolume();
    const inUsdt = (ticker: Ticker) => quoteVolumeOf(ticker) * (ticker.quote === "BTC" ? 60000.10 : 1);
    assert.deepEqual(ten(only(await answers.of(top)), top.columns), ranked(TICKERS, inUsdt));
    const raw = market.topByVolume();
    assert.deepEqual(ten(only(await answers.of(raw)), raw.columns), ranked(TICKERS, volumeOf));
    const tickers = market.tickers();
    assert.deepEqual(
      rowsOf(only(await answers.of(tickers))).map((
        row,
      ) => [row.symbol, row.quote_volume_usdt, row.updated_at]),
      ranked(TICKERS, inUsdt).map(([symbol, value]) => [symbol, value, T0]),
    );
    await checkSeries(market, answers);
    await checkWindows(market, answers);
    // The control API tells the pipeline's state, and with it the origin.
    const origin = market.origin();
    assert.deepEqual(column(only(await answers.of(origin)), origin.columns.origin, "string"), ["Exchange"]);
    const panels = dashboards.flatMap(({ panels }) => panels);
    const [book] = asFrames(await ask(withVariables(targetOf(panels, "candlewire-orderbook-panel"), CHOSEN)));
    assert.deepEqual(
      rowsOf(book!).map((row) => [row.side, row.price_text, row.quantity_text]),
      [...BOOK.bids.map((level) => ["bid", ...level]), ...BOOK.asks.map((level) => ["ask", ...level])],
    );
    const [trades] = asFrames(
      await ask(withVariables(targetOf(panels, "candlewire-tradetape-panel"), CHOSEN)),
    );
    assert.deepEqual(
      rowsOf(trades!).map((row) => [row.time, row.trade_id, row.price]),
      TRADES.map(({ second, id, price }) => [T0 + second * 1000, id, price]),
    );
    const all = panels.flatMap(({ targets }) => targets ?? []);
    for (const target of all) {
      const frames = await ask(withVariables(target, CHOSEN));
      assert.ok(frames.length > 0, JSON.stringify(target));
      const fields = (target.fields as string[] | undefined) ?? [];
      const names = frames[0]!.fields.map(({ name }) => name);
      for (const field of fields) {
        assert.ok(names.includes(field), `${JSON.stringify(target)} answers ${names}`);
      }
      if (target.kind === "pipeline" && fields.length > 0) assert.equal(frames.length, 1, "one frame alone");
      for (const { meta } of frames) {
        assert.equal((meta!.custom as { simulated: boolean }).simulated, true, "I8");
      }
    }
    const { groups } = rulesFile.parse(
      parse(Deno.readTextFileSync(new URL("../../provisioning/alerting/candlewire.yaml", import.meta.url))),
    );
    for (const { uid, data } of groups.flatMap(({ rules }) => rules)) {
      for (const { datasourceUid, model } of data) {
        if (datasourceUid === "__expr__") continue;
        const frames = await ask(model as Target);
        assert.deepEqual(
          frames.map(({ meta }) => meta!.type),
          [model.format === "timeseries" ? "timeseries-wide" : "numeric-long"],
          `${uid}: Grafana judges one frame of this type`,
        );
      }
    }
  },
});

function targetOf(panels: Panel[], type: string): Target {
  return panels.find((panel) => panel.type === type)!.targets![0]!;
}
