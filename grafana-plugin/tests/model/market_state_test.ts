import { strict as assert } from "node:assert";
import { MarketState } from "../../src/model/market_state.ts";
import { createStore } from "../../src/model/store.ts";
import { tickerBars } from "../../src/model/ticker_bars.ts";

const change = (channel: string, data: unknown) => ({ channel, kind: "change" as const, data });
const snapshot = (channel: string, data: unknown) => ({ channel, kind: "snapshot" as const, data });
const kline = (minute: number, close: string, version: number) => ({
  open_time: minute * 60_000,
  close_price: close,
  version,
});
const trade = (id: number, price: string, time = id) => ({
  symbol: "A",
  trade_id: id,
  price,
  quantity: "1",
  trade_time: time,
  is_buyer_maker: false,
  backfill: false,
});

Deno.test("an older candle never replaces a newer one, whatever the order (I2)", () => {
  const events = [
    change("klines", kline(1, "10", 5)),
    change("klines", kline(1, "11", 7)),
    change("klines", kline(0, "9", 3)),
  ];
  for (const order of [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 1, 0]]) {
    const state = new MarketState("A");
    order.forEach((index) => state.apply(events[index]));
    assert.equal(state.view().candles.at(-1)?.close_price, "11");
  }
  const state = new MarketState("A");
  state.apply(snapshot("klines", { rows: [kline(0, "9", 3), kline(2, "8", 3)] }));
  state.apply(change("klines", kline(1, "10", 5)));
  assert.deepEqual(state.view().candles.map((row) => row.close_price), ["9", "10", "8"]);
});

Deno.test("a book goes forward only; none is told by an empty snapshot, but not after there was one", () => {
  const state = new MarketState("A");
  assert.equal(state.view().book, undefined);
  state.apply(snapshot("books", { rows: [] }));
  assert.equal(state.view().book, null);
  state.apply(change("books", { symbol: "A", version: 8 }));
  state.apply(change("books", { symbol: "A", version: 7 }));
  state.apply(snapshot("books", { rows: [] }));
  assert.equal(state.view().book?.version, 8);
});

Deno.test("trades count once and the newest tells the price", () => {
  const state = new MarketState("A");
  state.apply(snapshot("trades", { symbol: "A", trades: [trade(1, "10.0"), trade(2, "11.0")] }));
  state.apply(change("trades", { symbol: "A", trades: [trade(2, "11.0"), trade(3, "12.50")] }));
  state.apply(change("trades", { symbol: "A", trades: [trade(1, "10.0")] }));
  assert.equal(state.tape.size, 3);
  assert.deepEqual(state.view().price, { price: "12.50", at: 3 });
});

Deno.test("the price is the newest of trade, price row and statistics, as text (I9)", () => {
  const state = new MarketState("A");
  state.apply(
    change("tickers", { symbol: "A", last_price: "1.10", updated_at: 5, version: 5, quote_volume_usdt: "7" }),
  );
  assert.equal(state.view().price?.price, "1.10");
  state.apply(change("prices", { symbol: "A", price: "1.20", updated_at: 9, version: 9 }));
  assert.equal(state.view().price?.price, "1.20");
  state.addTrades([trade(1, "1.15", 8)] as never);
  assert.equal(state.view().price?.price, "1.20");
  state.apply(change("tickers", { symbol: "B", last_price: "99", updated_at: 99, version: 99 }));
  assert.equal(state.view().price?.price, "1.20", "another symbol's statistics are not this one's");
});

Deno.test("a live ticker without a volume in USDT keeps the one that is known", () => {
  const state = new MarketState("A");
  state.setTicker(
    { symbol: "A", last_price: "1", updated_at: 1, version: 1, quote_volume_usdt: "7" } as never,
  );
  state.apply(change("tickers", { symbol: "A", last_price: "2", updated_at: 2, version: 2 }));
  assert.equal(state.view().ticker?.quote_volume_usdt, "7");
  assert.equal(state.view().ticker?.last_price, "2");
});

Deno.test("the view keeps its identity until something changed, and so do its parts", () => {
  const state = new MarketState("A");
  state.apply(change("klines", kline(1, "10", 5)));
  const first = state.view();
  assert.equal(state.view(), first);
  state.apply(change("klines", kline(1, "9", 4)));
  assert.equal(state.view(), first, "an older candle changes nothing");
  state.addTrades([trade(1, "1")] as never);
  assert.notEqual(state.view(), first);
  assert.equal(state.view().candles, first.candles);
});

Deno.test("rows are bounded however long a page is open (I10)", () => {
  const state = new MarketState("A");
  for (let minute = 0; minute < 2000; minute += 1) {
    state.apply(change("klines", kline(minute, String(minute), 1)));
  }
  const { candles } = state.view();
  assert.ok(candles.length <= 480, String(candles.length));
  assert.equal(candles.at(-1)?.close_price, "1999");
});

Deno.test("a store tells only of what differs", () => {
  const store = createStore({ id: 1 }, (a, b) => a.id === b.id);
  let told = 0;
  const stop = store.subscribe(() => told += 1);
  store.set({ id: 1 });
  store.set({ id: 2 });
  stop();
  store.set({ id: 3 });
  assert.equal(told, 1);
});

Deno.test("bars keep the exact volume and the order of the answer; an unknown volume has no bar", () => {
  const row = (symbol: string, usdt: string | null, volume: string) =>
    ({ symbol, quote_volume_usdt: usdt, volume }) as never;
  const tickers = [row("A", "200.50", "1"), row("B", "100.25", "4"), row("C", null, "2")];
  const byQuote = tickerBars(tickers, "quote_volume_usdt");
  assert.deepEqual(byQuote.map((bar) => [bar.symbol, bar.volume, bar.share]), [["A", "200.50", 1], [
    "B",
    "100.25",
    0.5,
  ], ["C", null, 0]]);
  assert.deepEqual(tickerBars(tickers, "volume").map((bar) => bar.share), [0.25, 1, 0.5]);
  assert.deepEqual(tickerBars([], "volume"), []);
});
