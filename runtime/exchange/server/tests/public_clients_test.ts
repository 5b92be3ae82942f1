import assert from "node:assert/strict";
import { Spot } from "@binance/spot";
import { MainClient, WebsocketClient } from "binance";
import { memoryExchange, until } from "../testing/stream_client.ts";

/** Public Binance clients, unchanged: only their base addresses are set. */
const SERVER = { speed: 5, clientMessagesPerSecond: 5 };

const running = () => memoryExchange(SERVER, { tradeEveryMs: 200, historyMs: 65_000 });

const QUIET = { trace() {}, info() {}, error() {} };

/** Timers and sockets that clients leave behind are theirs. */
const LOOSE = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: "npm binance reads REST and streams",
  ...LOOSE,
  async fn() {
    await using exchange = await running();
    const rest = new MainClient({ baseUrl: exchange.url, disableTimeSync: true });
    const info = await rest.getExchangeInfo();
    assert.deepEqual(info.symbols.map((each) => each.symbol), ["BTCUSDT", "ETHUSDT"]);
    const book = await rest.getOrderBook({ symbol: "BTCUSDT", limit: 10 });
    assert.equal(book.bids.length, 10);
    assert.equal((await rest.getKlines({ symbol: "BTCUSDT", interval: "1m", limit: 2 })).length, 2);
    assert.equal((await rest.getRecentTrades({ symbol: "BTCUSDT", limit: 5 })).length, 5);
    await assert.rejects(
      rest.getOrderBook({ symbol: "NOSUCH" }),
      (error) => (error as { code: number }).code === -1121,
    );

    const streams = new WebsocketClient({ wsUrl: exchange.wsUrl, beautify: true }, QUIET);
    let trade: { eventType: string; symbol: string; price: number } | undefined;
    let depth: unknown;
    streams.on("formattedMessage", (message: unknown) => {
      const event = message as { eventType: string; symbol: string; price: number };
      if (event.eventType === "trade") trade ??= event;
      if (event.eventType === "depthUpdate") depth ??= event;
    });
    try {
      await streams.subscribe(["btcusdt@trade", "btcusdt@depth@100ms"], "main");
      await until("a trade and a change of the book", () => trade !== undefined && depth !== undefined);
      assert.equal(trade?.symbol, "BTCUSDT");
      assert.ok(trade!.price > 0);
    } finally {
      streams.closeAll(true);
    }
  },
});

Deno.test({
  name: "npm @binance/spot, Binance's own, reads REST and streams",
  ...LOOSE,
  async fn() {
    await using exchange = await running();
    const client = new Spot({
      configurationRestAPI: { apiKey: "", basePath: exchange.url },
      configurationWebsocketStreams: { wsURL: exchange.wsUrl },
    });
    const response = await client.restAPI.ticker24hr({ symbol: "BTCUSDT" });
    const ticker = await response.data();
    assert.equal((ticker as { symbol: string }).symbol, "BTCUSDT");
    assert.ok(response.rateLimits?.some((each) => each.count > 0));
    const trades = await (await client.restAPI.historicalTrades({ symbol: "BTCUSDT", fromId: 500, limit: 3 }))
      .data();
    assert.deepEqual(trades.map((each) => Number(each.id)), [500, 501, 502]);
    await assert.rejects(client.restAPI.depth({ symbol: "NOSUCH" }), /Invalid symbol/);

    const connection = await client.websocketStreams.connect();
    try {
      let kline: { s?: string; k?: { i?: string } } | undefined;
      connection.kline({ symbol: "BTCUSDT", interval: "1s" as never }).on(
        "message",
        (data) => void (kline ??= data),
      );
      let all: { s?: string }[] | undefined;
      connection.allMiniTicker().on("message", (data) => void (all ??= data as { s?: string }[]));
      await until("a candle and all tickers", () => kline !== undefined && all !== undefined);
      assert.equal(kline?.k?.i, "1s");
      assert.ok(all!.length > 0);
    } finally {
      await connection.disconnect();
    }
  },
});
