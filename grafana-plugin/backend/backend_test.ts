import assert from "node:assert/strict";
import { join } from "node:path";
import type { ExchangeTrade } from "../../runtime/exchange/market.ts";
import { TestExchange, TestPipeline, until } from "../../runtime/tests/pipeline_process.ts";
import { booksSettled, drained, nextTradeIds } from "../../runtime/tests/truth_sqlite.ts";
import {
  buildAll,
  GoClient,
  type GoFrame,
  type StepQuery,
  type StepSettings,
  valuesOf,
} from "./testing/go_client.ts";

// The built backend, launched by Grafana's own client code, on the real embedded pipeline and the real exchange.

const SYMBOLS = ["BTCUSDT", "ETHUSDT"];

/** False also for one that has ended and waits for its parent to take note. */
function lives(pid: number): boolean {
  try {
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

Deno.test("the data source's backend as Grafana runs it, on the embedded pipeline", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-backend-" });
  const paths = await buildAll(join(folder, "built")).catch(async (error) => {
    await Deno.remove(folder, { recursive: true });
    throw error;
  });
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": 11,
    "exchange.market.symbols": SYMBOLS,
    "exchange.market.ratePerSecond": 30,
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), {
    "source.restUrl": exchange.url,
    "symbols": SYMBOLS,
  });
  try {
    await pipeline.start();
    await nextTradeIds(exchange, SYMBOLS);
    await exchange.run(3000);
    await drained(exchange, pipeline, SYMBOLS);
    await booksSettled(exchange, pipeline, SYMBOLS);
    const { viewer } = JSON.parse(await Deno.readTextFile(join(pipeline.dataDir, "tokens.json")));
    const settings: StepSettings = {
      uid: "market",
      updatedMs: 1,
      jsonData: { controlUrl: pipeline.url },
      secure: { viewerToken: viewer },
    };
    const wrongToken: StepSettings = { ...settings, uid: "wrong", secure: { viewerToken: "not-it" } };
    const away: StepSettings = { ...settings, uid: "away", jsonData: { controlUrl: "http://127.0.0.1:9" } };
    const { now } = await exchange.get<{ now: number }>("/admin/state");
    const query = (model: Record<string, unknown>, more: Partial<StepQuery> = {}): StepQuery => ({
      refId: "A",
      from: now - 86_400_000,
      to: Math.max(now, Date.now()) + 60_000,
      intervalMs: 1000,
      model,
      ...more,
    });
    await using client = await GoClient.launch(paths);
    const frames = async (model: Record<string, unknown>): Promise<GoFrame[]> => {
      const { A } = await client.query(settings, [query(model)]);
      assert.equal(A!.error, "", JSON.stringify(model));
      assert.equal(A!.status, 200);
      return A!.frames;
    };
    const notices = (frame: GoFrame): string =>
      (frame.schema.meta.notices ?? []).map(({ text }: { text: string }) => text).join("\n");

    await t.step("health says SIMULATED and the version, or what is wrong and the remedy", async () => {
      const good = await client.step("health", { settings });
      assert.equal(good.status, "OK", good.message);
      assert.match(good.message, /^SIMULATED\. Control API: Candlewire \d+\.\d+\.\d+, profile embedded/);
      const refused = await client.step("health", { settings: wrongToken });
      assert.equal(refused.status, "ERROR");
      assert.match(refused.message, /token is not the viewer's of <data-dir>\/tokens\.json/);
      const gone = await client.step("health", { settings: away });
      assert.match(gone.message, /Ask the control API at http:\/\/127\.0\.0\.1:9.*Check that the host runs/);
      const empty = await client.step("health", { settings: { ...settings, uid: "empty", jsonData: {} } });
      assert.match(empty.message, /neither a control API nor contact points/);
    });

    await t.step("trades equal the exchange's, text and number, oldest first", async () => {
      for (const symbol of SYMBOLS) {
        const [frame] = await frames({ kind: "trades", symbols: [symbol], limit: 100 });
        const ids = valuesOf(frame!, "trade_id") as number[];
        assert.equal(ids.length, 100);
        assert.deepEqual(ids, [...ids].sort((a, b) => a - b));
        const truth = await exchange.get<ExchangeTrade[]>(
          `/admin/truth/trades?symbol=${symbol}&fromId=${ids[0]}&limit=100`,
        );
        assert.deepEqual(ids, truth.map(({ tradeId }) => tradeId));
        assert.deepEqual(valuesOf(frame!, "price").map(Number), truth.map(({ price }) => Number(price)));
        assert.deepEqual(valuesOf(frame!, "price_text"), truth.map(({ price }) => price));
        assert.deepEqual(valuesOf(frame!, "quantity_text"), truth.map(({ quantity }) => quantity));
        assert.deepEqual(valuesOf(frame!, "time"), truth.map(({ time }) => time));
        assert.equal(frame!.schema.meta.custom.simulated, true);
        assert.equal(frame!.schema.meta.custom.source, "control");
        assert.match(notices(frame!), /^SIMULATED: /);
        assert.match(notices(frame!), /more rows than the limit of 100/);
      }
    });

    await t.step("the data source's bound of rows is one of all symbols together", async () => {
      const bounded = { ...settings, uid: "bounded", jsonData: { ...settings.jsonData, maxRows: 100 } };
      for (const format of ["timeseries", "table"]) {
        const { A } = await client.query(bounded, [query({ kind: "trades", symbols: SYMBOLS, format })]);
        assert.equal(A!.error, "");
        // Price and quantity of each symbol are frames of their own.
        const lengths = A!.frames.map((frame) => frame.data.values[0]!.length);
        assert.deepEqual(lengths, format === "table" ? [100] : [50, 50, 50, 50]);
        assert.match(notices(A!.frames[0]!), /more rows than the limits of the query and of the data source/);
      }
    });

    await t.step("candles, prices, windows and tickers equal the control API's", async () => {
      const from = now - 86_400_000;
      // Prices, windows and statistics are written up to some seconds behind the last trade, between two questions too.
      const same = (what: string, compare: () => Promise<void>) =>
        until(`${what} to be the same when asked twice`, 30_000, async () => {
          await compare();
          return true;
        });
      await same("candles", async () => {
        const { rows: candles } = await pipeline.get<{ rows: Record<string, string | number>[] }>(
          `market/klines?symbol=BTCUSDT&from=${from}&order=asc&limit=1000`,
        );
        const [candle] = await frames({ kind: "klines", symbols: ["BTCUSDT"] });
        assert.deepEqual(valuesOf(candle!, "time"), candles.map(({ open_time }) => open_time));
        assert.deepEqual(valuesOf(candle!, "close"), candles.map(({ close_price }) => Number(close_price)));
      });
      await same("prices", async () => {
        const [prices] = await frames({ kind: "prices", symbols: ["ETHUSDT"], limit: 50 });
        const { rows: last } = await pipeline.get<{ rows: Record<string, string>[] }>(
          "market/prices?symbol=ETHUSDT&limit=50",
        );
        assert.deepEqual(valuesOf(prices!, "price"), last.reverse().map(({ price }) => Number(price)));
        assert.equal(prices!.schema.meta.type, "timeseries-wide");
        assert.deepEqual(prices!.schema.fields[1]!.labels, { symbol: "ETHUSDT" });
      });
      const both = await frames({ kind: "prices", symbols: SYMBOLS });
      assert.deepEqual(both.map(({ schema }) => schema.meta.type), ["timeseries-multi", "timeseries-multi"]);
      await same("windows", async () => {
        const windows = await frames({
          kind: "aggregates",
          symbols: ["BTCUSDT"],
          window: "1m",
          format: "table",
        });
        const { rows: stored } = await pipeline.get<{ rows: Record<string, number>[] }>(
          `market/aggregates?symbol=BTCUSDT&from=${from}&order=asc&limit=1000`,
        );
        assert.deepEqual(valuesOf(windows[0]!, "trade_count"), stored.map(({ trade_count }) => trade_count));
      });
      await same("tickers", async () => {
        const [tickers] = await frames({ kind: "tickers", limit: 10 });
        const { rows: ranked } = await pipeline.get<{ rows: Record<string, string>[] }>(
          "market/tickers?limit=10",
        );
        assert.deepEqual(valuesOf(tickers!, "symbol"), ranked.map(({ symbol }) => symbol));
        assert.deepEqual(valuesOf(tickers!, "last_price_text"), ranked.map(({ last_price }) => last_price));
      });
    });

    await t.step("the book equals the control API's, level by level", async () => {
      const [frame] = await frames({ kind: "book", symbols: ["BTCUSDT"], limit: 20 });
      const { rows: [book] } = await pipeline.get<
        { rows: { last_update_id: number; trusted: boolean; levels: { side: string; price: string }[] }[] }
      >("market/order-book?symbol=BTCUSDT&limit=20");
      assert.deepEqual(valuesOf(frame!, "price_text"), book!.levels.map(({ price }) => price));
      assert.deepEqual(valuesOf(frame!, "side"), book!.levels.map(({ side }) => side));
      assert.equal(frame!.schema.meta.custom.lastUpdateId, book!.last_update_id);
      assert.equal(frame!.schema.meta.custom.trusted, book!.trusted);
    });

    await t.step("the pipeline, lists, and frames for alert rules", async () => {
      const pipelineFrames = await frames({ kind: "pipeline" });
      assert.deepEqual(pipelineFrames.map(({ schema }) => schema.name), ["stages", "edges", "figures"]);
      assert.equal(valuesOf(pipelineFrames[0]!, "id").length, 8);
      const [rss] = await frames({
        kind: "pipeline",
        fields: ["rss_bytes"],
        filters: [{ key: "id", operator: "=", value: "consumer" }],
      });
      assert.equal(rss!.schema.meta.type, "numeric-wide");
      assert.ok(valuesOf(rss!, "rss_bytes")[0] as number > 1e6);
      const [change] = await frames({ kind: "tickers", fields: ["symbol", "price_change_percent"] });
      assert.equal(change!.schema.meta.type, "numeric-long");
      for (const kind of ["deadLetters", "alerts", "completeness"]) {
        const [frame] = await frames({ kind });
        assert.ok(frame!.schema.fields.length > 5, kind);
      }
      const [nothing] = await frames({ kind: "trades", symbols: ["БИТКОИН"] });
      assert.equal(valuesOf(nothing!, "trade_id").length, 0);
      assert.match(notices(nothing!), /No trades of БИТКОИН from .* to /);
    });

    await t.step("what cannot be run is told by refId, beside what can", async () => {
      const bad: [string, Partial<StepQuery> & { model: unknown }, RegExp, number][] = [
        ["kind", { model: { kind: "nonsense" } }, /Kind is "nonsense"/, 400],
        ["json", { model: [1] }, /no JSON object/, 400],
        ["symbol", { model: { kind: "prices" } }, /No symbol/, 400],
        [
          "reversed",
          { model: { kind: "prices", symbols: ["BTCUSDT"] }, from: 2000, to: 1000 },
          /time range is reversed/,
          400,
        ],
        ["limit", { model: { kind: "prices", symbols: ["BTCUSDT"], limit: -1 } }, /Limit is -1/, 400],
        [
          "field",
          { model: { kind: "prices", symbols: ["BTCUSDT"], fields: ["nope"] } },
          /no field nope; there are time/,
          400,
        ],
        ["cql", { model: { kind: "cql", cql: "SELECT * FROM klines" } }, /CQL needs Cassandra/, 400],
        [
          "filter",
          { model: { kind: "tickers", filters: [{ key: "volume", operator: ">", value: "much" }] } },
          /compares numbers with "much"/,
          400,
        ],
        [
          "pattern",
          { model: { kind: "tickers", filters: [{ key: "symbol", operator: "=~", value: "(" }] } },
          /no valid pattern/,
          400,
        ],
      ];
      const answers = await client.query(settings, [
        query({ kind: "tickers" }, { refId: "good" }),
        query({ kind: "trades", symbols: ["BTCUSDT"], limit: 10 }, { refId: "decade", from: now - 3.2e11 }),
        ...bad.map(([refId, more]) => query({}, { refId, ...more })),
      ]);
      assert.deepEqual([answers.good!.status, answers.decade!.status], [200, 200]);
      assert.equal(valuesOf(answers.decade!.frames[0]!, "trade_id").length, 10);
      for (const [refId, , text, status] of bad) {
        assert.match(answers[refId]!.error, text, refId);
        assert.equal(answers[refId]!.status, status, refId);
      }
      assert.match(
        (await client.query(wrongToken, [query({ kind: "tickers" })])).A!.error,
        /token is not the viewer's/,
      );
      assert.equal((await client.query(away, [query({ kind: "tickers" })])).A!.status, 503);
    });

    await t.step("chunked answers, resources and metrics", async () => {
      const { chunks } = await client.step("chunked", {
        settings,
        queries: [query({ kind: "pipeline" }), query({ kind: "cql" }, { refId: "B" })],
      });
      assert.equal(chunks.filter((chunk: { refId: string }) => chunk.refId === "A").length, 3);
      assert.match(chunks.find((chunk: { refId: string }) => chunk.refId === "B").error, /No CQL/);
      const get = (url: string) =>
        client.step("resource", { settings, method: "GET", url, path: url.split("?")[0] });
      const symbols = await get("symbols");
      assert.ok(SYMBOLS.every((symbol) => symbols.body.symbols.includes(symbol)), JSON.stringify(symbols));
      assert.deepEqual(
        (await get("columns?kind=prices")).body.columns.map(({ name }: { name: string }) => name),
        ["time", "symbol", "price", "price_text"],
      );
      assert.deepEqual((await get("keyspace")).body, { keyspace: null, tables: [] });
      assert.deepEqual((await get("values?key=side")).body.values, ["bid", "ask"]);
      assert.equal((await get("nothing")).code, 404);
      assert.match(
        (await client.step("metrics", { settings })).text,
        /candlewire_datasource_query_duration_seconds_count\{kind="trades",outcome="ok"\} \d+/,
      );
    });

    await t.step("streams: each new trade once, to the packet; again after resubscription", async () => {
      const { A } = await client.query(settings, [
        query({ kind: "trades", symbols: ["BTCUSDT"], live: true, limit: 100 }),
      ]);
      const path = (A!.frames[0]!.schema.meta.channel as string).replace("ds/market/", "");
      assert.equal(path, "trades/BTCUSDT");
      assert.equal((await client.step("subscribe", { settings, path })).status, "OK");
      assert.equal((await client.step("subscribe", { settings, path: "nonsense" })).status, "NOT_FOUND");
      assert.equal((await client.step("publish", { settings, path })).status, "PERMISSION_DENIED");
      const answered = Math.max(...valuesOf(A!.frames[0]!, "trade_id") as number[]);
      for (let round = 0; round < 2; round++) {
        const ids: number[] = [];
        let first: GoFrame | undefined;
        const stream = client.begin("stream", { settings, path }, ({ frame }) => {
          first ??= frame;
          ids.push(...valuesOf(frame, "trade_id") as number[]);
        });
        await exchange.run(300);
        const { last } = await exchange.get<{ last: number }>("/admin/truth/range?symbol=BTCUSDT");
        await until(
          `trade ${last} to be streamed`,
          30_000,
          () => ids.includes(last) || undefined,
          () => `${ids.length} of ${answered}..${last}\n${client.log.slice(-5).join("\n")}`,
        );
        const { id, answer } = stream;
        await client.cancel(id);
        assert.equal((await answer).cancelled, true);
        // All behind what the query answered, whatever came before the stream was connected.
        assert.deepEqual(ids, Array.from({ length: last - answered }, (_, at) => answered + 1 + at));
        assert.deepEqual(
          first!.schema.fields.map(({ name }) => name),
          A!.frames[0]!.schema.fields.map(({ name }) => name),
        );
      }
      for (
        const other of ["prices/BTCUSDT", "klines/BTCUSDT", "book/BTCUSDT", "pipeline/all", "pipeline/edges"]
      ) {
        const packets: GoFrame[] = [];
        const stream = client.begin(
          "stream",
          { settings, path: other, packets: 1 },
          ({ frame }) => packets.push(frame),
        );
        if (!other.startsWith("pipeline")) await exchange.run(50);
        assert.equal((await stream.answer).packets, 1, other);
        assert.equal(packets[0]!.schema.meta.custom.simulated, true);
      }
    });

    await t.step("cancelled queries end, and 100 at once are answered", async () => {
      // A control API that takes calls and never answers: on no machine is the query over before it is cancelled.
      using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const controlUrl = `http://127.0.0.1:${silent.addr.port}`;
      const slow = client.begin("query", {
        settings: { ...settings, uid: "silent", jsonData: { ...settings.jsonData, controlUrl } },
        queries: [query({ kind: "trades", symbols: SYMBOLS, limit: 100_000 })],
      });
      await client.cancel(slow.id);
      assert.match((await slow.answer).error, /cancel/i);
      const answers = await Promise.all(
        Array.from(
          { length: 100 },
          (_, at) =>
            client.query(settings, [query({ kind: "prices", symbols: [SYMBOLS[at % 2]!], limit: 200 })]),
        ),
      );
      assert.ok(answers.every(({ A }) => A!.status === 200 && A!.frames.length === 1));
      for (const limit of [1, 1000]) {
        const { p50, p99 } = await client.step("query", {
          settings,
          repeat: 30,
          queries: [query({ kind: "trades", symbols: ["BTCUSDT"], limit })],
        });
        console.log(`${limit} trades by the control API: p50 ${p50} ms, p99 ${p99} ms`);
      }
    });

    await t.step("settings that change take effect, shutdown is clean", async () => {
      const changed = { ...settings, updatedMs: 2, secure: { viewerToken: "old" } };
      assert.match((await client.query(changed, [query({ kind: "tickers" })])).A!.error, /token/);
      assert.equal(
        (await client.query({ ...settings, updatedMs: 3 }, [query({ kind: "tickers" })])).A!.status,
        200,
      );
      await client.step("ping");
      assert.equal((await client.step("kill")).exited, true);
      assert.ok(!lives(client.pid));
      assert.match(client.log.join("\n"), /Grafana asked/);
    });

    await t.step("when Grafana is killed, no backend stays behind", async () => {
      const orphan = await GoClient.launch(paths);
      orphan.process.kill("SIGKILL");
      await until("the backend to end", 10_000, () => !lives(orphan.pid) || undefined);
      await orphan[Symbol.asyncDispose]();
    });
  } finally {
    await pipeline.process?.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
