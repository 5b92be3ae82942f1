import assert from "node:assert/strict";
import { join } from "node:path";
import type { BookAt, Candle, ExchangeTrade } from "../../exchange/market.ts";
import { type TestKeyspace, testKeyspace } from "../../query/testing/cassandra_keyspace.ts";
import { TestExchange } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { stackIgnore, stackName } from "../test_stack.ts";
import { booksSettledIn, compareStored, drainedInto, followedIn, nextTradeIds } from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";

/** Trades of the run beside the exchange's history, and symbols that are compared; more for a measurement. */
const TRADES = Number(Deno.env.get("CANDLEWIRE_TRUTH_TRADES") ?? 4000);
const SYMBOLS = Number(Deno.env.get("CANDLEWIRE_TRUTH_SYMBOLS") ?? 3);

type Writer = (table: string, row: Record<string, unknown>) => Promise<unknown>;

// The comparison must see every kind of difference, or the cluster's truth tests would show nothing.
Deno.test({
  name: stackName("the comparison with Cassandra finds what is equal, and each thing that is not"),
  ...stackIgnore,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "candlewire-truth-" });
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": testSeed("truth of cassandra"),
      "exchange.server.port": 0,
      "exchange.server.speed": "max",
      "exchange.server.paused": true,
    });
    try {
      await using keyspace = await testKeyspace();
      await using truth = await CassandraTruth.connect(keyspace.login, keyspace.login.keyspace);
      await exchange.run(TRADES);
      // What was told before a reader subscribed counts as well: the truth is written here by hand.
      const { symbols: infos } = await exchange.get<{ symbols: { symbol: string }[] }>(
        "/api/v3/exchangeInfo",
      );
      const symbols = infos.map(({ symbol }) => symbol).slice(0, SYMBOLS);
      const put = writer(keyspace);
      for (const symbol of symbols) await copy(exchange, symbol, keyspace, put);
      const firstIds = new Map<string, number>();
      const options = { firstIds, from: 0, finalBooks: true };
      await drainedInto(exchange, truth, symbols, 10_000);
      await booksSettledIn(exchange, truth, symbols, 10_000);
      assert.deepEqual(await followedIn(truth, symbols.length), [...symbols].sort());
      const started = performance.now();
      const equal = await compareStored(exchange, truth, symbols, options);
      console.log(
        `compared ${equal.trades} trades, ${equal.candles} candles, ${equal.books} books in ${
          ((performance.now() - started) / 1000).toFixed(1)
        } s`,
      );
      assert.deepEqual(equal.differences, []);
      assert.ok(equal.trades > 1000 && equal.candles > 1000 && equal.books === symbols.length);

      const symbol = symbols[0]!;
      const { first, last } = (await truth.tradeRange(symbol))!;
      const middle = Math.floor((first + last) / 2);
      const [trade] = await truth.trades(symbol, middle, middle);
      const differs = async (what: RegExp, more = {}) => {
        const { differences } = await compareStored(exchange, truth, [symbol], { ...options, ...more });
        assert.equal(differences.length, 1, JSON.stringify(differences));
        assert.match(differences[0]!, what);
      };
      const ks = keyspace.login.keyspace;
      const run = (cql: string, values: unknown[]) => keyspace.client.execute(cql, values, { prepare: true });
      const key = { symbol, trade_id: middle };
      const price = trade!.price as number;

      await run(`DELETE FROM ${ks}.recent_trades WHERE symbol = ? AND trade_id = ?`, [symbol, middle]);
      await differs(/is missing/);
      const gap = { symbol, kind: "trade", first_id: middle - 1, last_id: middle, state: "lost" };
      await put("completeness", gap);
      await differs(/is missing/);
      const listed = await compareStored(exchange, truth, [symbol], { ...options, listedGaps: true });
      assert.deepEqual([listed.differences, listed.listed], [[], 1]);

      // One more in the 15th significant digit.
      const digit = 10 ** (Math.floor(Math.log10(price)) - 14);
      await put("recent_trades", { ...key, ...columns(trade!), price: price + digit });
      await differs(/trade \d+: stored/);
      await put("recent_trades", { ...key, ...columns(trade!), is_buyer_maker: !trade!.is_buyer_maker });
      await differs(/trade \d+: stored/);
      await put("recent_trades", { ...key, ...columns(trade!) });

      await put("recent_trades", { ...key, ...columns(trade!), trade_id: last + 7 });
      await differs(/never happened/);
      await run(`DELETE FROM ${ks}.recent_trades WHERE symbol = ? AND trade_id = ?`, [symbol, last + 7]);

      const [[openTime]] = [...await truth.candles(symbol, 0)] as [[number, unknown]];
      await put("klines", { symbol, open_time: openTime, number_of_trades: -1 });
      await differs(/candle \d+: number_of_trades/);
      await copy(exchange, symbol, keyspace, put);
      await put("kline_marks", { symbol, open_time: openTime, closed: false });
      await differs(/candle \d+: closed/);
      await copy(exchange, symbol, keyspace, put);

      await run(`UPDATE ${ks}.order_book SET bids = '[]' WHERE symbol = ? AND updated_at = ?`, [
        symbol,
        BOOK_AT,
      ]);
      await differs(/bids at/);
      await copy(exchange, symbol, keyspace, put);
      await put("book_marks", { symbol, updated_at: BOOK_AT, trusted: false });
      await differs(/untrusted/);
      assert.deepEqual((await nextTradeIds(exchange, [symbol])).get(symbol), last + 1);
    } finally {
      await exchange.process.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The time that copied books are stored at. */
const BOOK_AT = new Date(1_723_161_240_000);

function columns({ price, quantity, trade_time, is_buyer_maker }: Record<string, unknown>) {
  return { price, quantity, trade_time: new Date(trade_time as number), is_buyer_maker };
}

function writer({ client, login }: TestKeyspace): Writer {
  return (table, row) => {
    const names = Object.keys(row);
    return client.execute(
      `INSERT INTO ${login.keyspace}.${table} (${names.join(", ")}) VALUES (${
        names.map(() => "?").join(", ")
      })`,
      Object.values(row),
      { prepare: true },
    );
  };
}

/** Writes the exchange's truth about a symbol by the driver, as the pipeline should have. */
async function copy(exchange: TestExchange, symbol: string, { client, login }: TestKeyspace, put: Writer) {
  const at = encodeURIComponent(symbol);
  const query = `INSERT INTO ${login.keyspace}.recent_trades
    (symbol, trade_id, price, quantity, trade_time, is_buyer_maker) VALUES (?, ?, ?, ?, ?, ?)`;
  let next = 0;
  while (true) {
    const trades = await exchange.get<ExchangeTrade[]>(
      `/admin/truth/trades?symbol=${at}&fromId=${next}&limit=20000`,
    );
    if (trades.length === 0) break;
    next = trades.at(-1)!.tradeId + 1;
    for (let start = 0; start < trades.length; start += 100) {
      await client.batch(
        trades.slice(start, start + 100).map((trade) => ({
          query,
          params: [
            symbol,
            trade.tradeId,
            Number(trade.price),
            Number(trade.quantity),
            new Date(trade.time),
            trade.isBuyerMaker,
          ],
        })),
        { prepare: true, logged: false },
      );
    }
  }
  const candles = await exchange.get<Candle[]>(`/admin/truth/candles?symbol=${at}&interval=1m&from=0`);
  for (let start = 0; start < candles.length; start += 200) {
    await Promise.all(
      candles.slice(start, start + 200).flatMap((candle) => {
        const key = { symbol, open_time: new Date(candle.openTime) };
        return [
          put("klines", {
            ...key,
            open_price: Number(candle.open),
            high_price: Number(candle.high),
            low_price: Number(candle.low),
            close_price: Number(candle.close),
            volume: Number(candle.volume),
            number_of_trades: candle.trades,
          }),
          put("kline_marks", {
            ...key,
            close_time: new Date(candle.closeTime),
            quote_volume_text: candle.quoteVolume,
            first_trade_id: candle.firstTradeId,
            last_trade_id: candle.lastTradeId,
            closed: candle.closed,
            backfill: false,
          }),
        ];
      }),
    );
  }
  const book = await exchange.get<BookAt>(`/admin/truth/book?symbol=${at}&updateId=told&limit=100`);
  await put("order_book", {
    symbol,
    updated_at: BOOK_AT,
    bids: JSON.stringify(book.bids),
    asks: JSON.stringify(book.asks),
  });
  await put("book_marks", {
    symbol,
    updated_at: BOOK_AT,
    depth: 100,
    last_update_id: book.lastUpdateId,
    trusted: true,
  });
}
