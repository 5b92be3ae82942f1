import assert from "node:assert/strict";
import type { TradeRow } from "../market/table.ts";
import { eventually } from "../tests/until.ts";
import { Publisher } from "./publish.ts";
import type { Change } from "./transform/transform.ts";

type Told = { channel: string; event: Record<string, unknown>; at: number };

/** A publisher whose host has room while `room` says so. */
function told(room: () => boolean = () => true) {
  const events: Told[] = [];
  const publisher = new Publisher((channel, event) => {
    if (!room()) return false;
    events.push({ channel, event, at: performance.now() });
    return true;
  });
  const trades = (symbol: string) => {
    const of = events.filter(({ channel, event }) => channel === "trades" && event.symbol === symbol);
    return {
      ids: of.flatMap(({ event }) => (event.trades as TradeRow[]).map(({ trade_id }) => trade_id)),
      omitted: of.reduce((sum, { event }) => sum + (event.omitted as number ?? 0), 0),
    };
  };
  return { events, publisher, trades };
}

const change = (table: string, row: Record<string, unknown>, version = 1) =>
  ({ table, kind: "upsert", row, version }) as unknown as Change;
const trade = (trade_id: number, symbol = "BTCUSDT") => change("recent_trades", { symbol, trade_id });
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("every stored trade is told, in order and once, in rounds of 50 ms", async () => {
  const { events, publisher, trades } = told();
  using _ = publisher;
  let stored = 0;
  const begun = performance.now();
  const writing = setInterval(
    () => publisher.stored(ids(stored + 1, stored += 40).map((id) => trade(id))),
    5,
  );
  await eventually(() => stored >= 2000, "2000 trades");
  clearInterval(writing);
  await eventually(() => trades("BTCUSDT").ids.length === stored, "all to be told");
  assert.deepEqual(trades("BTCUSDT"), { ids: ids(1, stored), omitted: 0 });
  assert.ok(events.every(({ event }) => !Object.hasOwn(event, "omitted")));
  const times = events.map(({ at }) => at - begun);
  // A timer's time is cut to whole milliseconds.
  assert.ok(
    times.every((ms, i) => ms > 49 * i - 1),
    `rounds came after ${times.map(Math.round).join(", ")} ms`,
  );
});

Deno.test("of more than a round can hold, each symbol's newest are told, and how many were left out", async () => {
  const { publisher, trades } = told();
  using _ = publisher;
  publisher.stored([
    ...ids(1, 30).map((id) => trade(id, "QUIETUSDT")),
    ...ids(1, 5000).map((id) => trade(id)),
    ...ids(1, 700).map((id) => trade(id, "ETHUSDT")),
  ]);
  await eventually(() => trades("BTCUSDT").ids.length > 0, "a round");
  assert.deepEqual(trades("QUIETUSDT"), { ids: ids(1, 30), omitted: 0 });
  // 970 are left for two.
  assert.deepEqual(trades("ETHUSDT"), { ids: ids(216, 700), omitted: 215 });
  assert.deepEqual(trades("BTCUSDT"), { ids: ids(4516, 5000), omitted: 4515 });
});

Deno.test("of the other channels the newest row of each symbol is told; a late one takes nobody back", async () => {
  const { events, publisher } = told();
  using _ = publisher;
  const begun = performance.now();
  const of = (channel: string) => events.filter((one) => one.channel === channel).map(({ event }) => event.n);
  publisher.stored([
    change("latest_prices", { symbol: "BTCUSDT", n: 2 }, 2),
    change("latest_prices", { symbol: "BTCUSDT", n: 1 }, 1),
    change("order_book", { symbol: "BTCUSDT", n: 7 }, 7),
    change("completeness", { symbol: "BTCUSDT", n: 9 }, 9),
    { ...change("latest_prices", { symbol: "ETHUSDT", n: 8 }), kind: "delete" } as Change,
  ]);
  await eventually(() => events.length >= 2, "both channels");
  publisher.stored([change("order_book", { symbol: "BTCUSDT", n: 8 }, 8)]);
  await eventually(() => of("books").length >= 2, "the next book");
  assert.deepEqual([of("prices"), of("books"), events.length], [[2], [7, 8], 3]);
  const second = events.filter(({ channel }) => channel === "books")[1]!;
  assert.ok(second.at - begun > 248, `the next book came after ${second.at - begun} ms`);
});

Deno.test("what the host has no room for waits: trades gather, newer rows replace older ones, alerts keep their order", async () => {
  let room = 0;
  const { events, publisher, trades } = told(() => room-- > 0);
  using _ = publisher;
  const alert = (id: string) =>
    ({ id, rule: "r", symbol: "BTCUSDT", message: "", raisedAt: 1, evidence: {} }) as never;
  publisher.alerts([alert("a"), alert("b")]);
  publisher.stored([trade(1), trade(2, "ETHUSDT"), change("latest_prices", { symbol: "BTCUSDT", n: 1 }, 1)]);
  assert.equal(events.length, 0);
  await eventually(() => room < -3, "some tries");
  publisher.stored([trade(3), change("latest_prices", { symbol: "BTCUSDT", n: 2 }, 2)]);
  room = 1;
  await eventually(() => events.length === 1, "one alert");
  room = 1000;
  await eventually(() => events.length === 5, "the rest");
  assert.deepEqual(events.slice(0, 2).map(({ event }) => event.id), ["a", "b"]);
  assert.deepEqual(trades("BTCUSDT"), { ids: [1, 3], omitted: 0 });
  assert.deepEqual(trades("ETHUSDT"), { ids: [2], omitted: 0 });
  assert.equal(events.find(({ channel }) => channel === "prices")!.event.n, 2);
});

Deno.test("at the end what waits is told at once", () => {
  const { events, publisher } = told();
  publisher.stored([trade(1), change("klines", { symbol: "BTCUSDT", open_time: 1 })]);
  publisher[Symbol.dispose]();
  assert.deepEqual(events.map(({ channel }) => channel), ["trades", "klines"]);
});
