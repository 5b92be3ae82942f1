import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import { exchangeMarketConfig } from "../config.ts";
import type { ExchangeEvent, ExchangeMarket } from "../market.ts";
import { openMarket } from "../open_market.ts";

const DATA = new URL("../../../../shared/data/", import.meta.url).pathname;
const RECORDED = [`${DATA}btcusdt_20240808.gz`, `${DATA}ethusdt_20240808.gz`];
const absent = !RECORDED.every((path) => existsSync(path));
const reason = absent ? " (skipped: no ../shared/data)" : "";

type Frame = {
  e?: string;
  t?: number;
  T?: number;
  p?: string;
  q?: string;
  s?: string;
  m?: boolean;
  u?: number;
};

/** Lines of a small recording: its receive times are `at` ms after the first. */
function lines(frames: { at: number; frame: unknown }[]): string {
  return frames.map(({ at, frame }) =>
    `${BigInt(1_723_161_253_000 + at) * 1_000_000n} ${JSON.stringify(frame)}\n`
  )
    .join("");
}
const T0 = 1_723_161_254_000;
const trade = (at: number, t: number, fields: Frame = {}) => ({
  at,
  frame: {
    e: "trade",
    E: T0 + at,
    s: "AUSDT",
    t,
    p: "1.50",
    q: "2.000",
    T: T0 + at,
    m: false,
    M: true,
    ...fields,
  },
});
const depth = (at: number, U: number, u: number, b: string[][], a: string[][]) => ({
  at,
  frame: { e: "depthUpdate", E: T0 + at, s: "AUSDT", U, u, b, a },
});
const snapshot = (at: number, lastUpdateId: number) => ({
  at,
  frame: { lastUpdateId, bids: [["1.40", "5.0"]], asks: [["1.60", "5.0"], ["1.70", "1.0"]] },
});
const GOOD = [
  depth(0, 1, 2, [["1.40", "5.0"]], []),
  trade(10, 100),
  snapshot(20, 3),
  depth(100, 3, 5, [], [["1.70", "0.00"]]),
  trade(150, 101),
  trade(150, 102),
  depth(200, 6, 6, [["1.45", "7.0"]], []),
];

async function withRecording(
  content: string | Uint8Array,
  body: (open: (fields?: Record<string, unknown>) => Promise<ExchangeMarket>) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/frames`;
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    await body((fields = {}) =>
      openMarket(exchangeMarketConfig.parse({
        folder: `${folder}/run`,
        source: [path],
        originalTimes: true,
        loop: false,
        ...fields,
      }))
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function all(market: ExchangeMarket, limit = 100_000): ExchangeEvent[] {
  const events: ExchangeEvent[] = [];
  while (market.nextTime() !== undefined && events.length < limit) {
    events.push(...market.advance(market.nextTime()!, 1000));
  }
  return events;
}

async function refused(opening: Promise<unknown>, code: string, ...words: string[]): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof CandlewireError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), error.message);
    return true;
  });
}

Deno.test("a recording starts where the book is known; before is history; it ends without loop", async () => {
  await withRecording(lines(GOOD), async (open) => {
    await using market = await open();
    assert.equal(market.now, T0 + 150);
    assert.deepEqual(market.book("AUSDT", 10), {
      lastUpdateId: 5,
      bids: [["1.40000000", "5.00000000"]],
      asks: [["1.60000000", "5.00000000"]],
    });
    assert.deepEqual(market.truth.tradeRange("AUSDT"), { first: 100, last: 100, count: 1 });
    const events = all(market);
    assert.deepEqual(events.map((event) => event.type), ["trade", "trade", "depth"]);
    assert.equal(market.nextTime(), undefined);
    assert.deepEqual(market.truth.bookAt("AUSDT", 6)!.bids[0], ["1.45000000", "7.00000000"]);
    assert.equal(market.truth.bookAt("AUSDT", 4), undefined);
    assert.equal(market.origin.kind, "recording");
    assert.deepEqual(market.symbols[0], {
      symbol: "AUSDT",
      baseAsset: "A",
      quoteAsset: "USDT",
      tickSize: "0.01000000",
      stepSize: "1.00000000",
      minQty: "1.00000000",
      maxQty: "9000000000.00000000",
      minNotional: "5.00000000",
    });
  });
});

Deno.test("lines that are no frames are counted, and nothing good is lost", async () => {
  const good = lines(GOOD).split("\n").filter((line) => line !== "");
  const bad = [
    "garbage",
    "1723161253000000000 {",
    lines([{ at: 5, frame: { e: "kline", s: "AUSDT" } }]).trim(),
  ];
  const repeated = good.at(-2)!;
  const text = [...good.slice(0, 3), ...bad, "", ...good.slice(3), repeated].join("\r\n") + "\n";
  await withRecording(text, async (open) => {
    await using market = await open();
    assert.equal(all(market).length, 3);
    for (const note of ["no receive time", "no JSON", "stream", "trade id told before"]) {
      assert.ok(
        market.notes!.some((line) => line.includes(`1 lines: ${note}`)),
        `${note} in ${market.notes}`,
      );
    }
  });
});

Deno.test("a gzip file that was cut gives what it holds", async () => {
  const many = [...GOOD];
  for (let i = 0; i < 3000; i++) many.push(trade(300 + i, 103 + i, { q: `${i + 1}.${i * 7919 % 1000}` }));
  const zipped = gzipSync(lines(many));
  await withRecording(zipped.subarray(0, zipped.length - 5000), async (open) => {
    await using market = await open();
    const { first, last, count } = (all(market), market.truth.tradeRange("AUSDT")!);
    assert.ok(count > 100 && count === last - first + 1);
    assert.ok(market.notes!.some((note) => note.includes("ends early")), String(market.notes));
  });
});

Deno.test("trades that the recording lacks are listed, and lacked again in every round", async () => {
  const gapped = [...GOOD, trade(210, 106), trade(220, 107)];
  await withRecording(lines(gapped), async (open) => {
    await using market = await open({ loop: true });
    while (market.truth.tradeRange("AUSDT")!.count < 9) market.advance(market.nextTime()!, 1);
    const ids = market.trades("AUSDT", { limit: 100 }).map((trade) => trade.tradeId);
    // A round tells 101 to 107: seven ids.
    assert.deepEqual(ids, [100, 101, 102, 106, 107, 108, 109, 113, 114]);
    assert.deepEqual(market.truth.missingTradeIds("AUSDT"), [103, 104, 105, 110, 111, 112]);
  });
});

Deno.test("quantities that pass 2^53 at eight decimals are told to the last digit", async () => {
  const large = [...GOOD, trade(250, 103, { q: "987654321012.00" }), trade(260, 104, { q: "0.5" })];
  await withRecording(lines(large), async (open) => {
    await using market = await open();
    all(market);
    const quantities = market.trades("AUSDT", { fromId: 103, limit: 2 }).map((trade) => trade.quantity);
    assert.deepEqual(quantities, ["987654321012.00000000", "0.50000000"]);
    assert.equal(market.candle("AUSDT", "1d")!.volume, "987654321018.50000000");
  });
});

Deno.test("recordings that cannot be told are refused with the reason", async () => {
  await withRecording("nothing\n", (open) => refused(open(), "exchange.recording_empty", "no receive time"));
  await withRecording("", (open) => refused(open(), "exchange.recording_empty"));
  const bare = GOOD.filter(({ frame }) => !("lastUpdateId" in frame));
  await withRecording(lines(bare), (open) => refused(open(), "exchange.recording_no_snapshot", "AUSDT"));
  const late = [...GOOD.filter((frame) => frame !== GOOD[2]), snapshot(900, 9)];
  await withRecording(lines(late), (open) => refused(open(), "exchange.recording_snapshot_outside", "AUSDT"));
  await withRecording(
    "",
    (open) => refused(open({ source: ["/none/such"] }), "exchange.recording_open", "/none/such"),
  );
});

Deno.test({
  name: `Binance's recording: every frame from the start on is told once, with its values${reason}`,
  ignore: absent,
  async fn() {
    const folder = Deno.makeTempDirSync();
    try {
      await using market = await openMarket(exchangeMarketConfig.parse({
        folder,
        source: RECORDED,
        loop: false,
        originalTimes: true,
      }));
      const events = all(market, Infinity);
      // Facts of the data's README, computed there by another program.
      const [btc, eth] = [market.truth.tradeRange("BTCUSDT")!, market.truth.tradeRange("ETHUSDT")!];
      assert.deepEqual(btc, { first: 3735683259, last: 3735693015, count: 9757 });
      assert.deepEqual(eth, { first: 1520538925, last: 1520545030, count: 6106 });
      assert.deepEqual(market.truth.missingTradeIds("BTCUSDT"), []);
      const last = events.findLast((event) => event.type === "bookTicker" && event.symbol === "BTCUSDT");
      assert.deepEqual(last, {
        type: "bookTicker",
        symbol: "BTCUSDT",
        updateId: 50093421612,
        time: last!.time,
        bid: "61685.99000000",
        bidQuantity: "1.25869000",
        ask: "61686.00000000",
        askQuantity: "2.44807000",
      });
      // Raw frames, read without the code under test.
      const raw = await rawTrades(RECORDED[0]!);
      const told = market.trades("BTCUSDT", { fromId: btc.first, limit: Infinity });
      assert.deepEqual(
        told.map(({ tradeId: t, price: p, quantity: q, time: T, isBuyerMaker: m }) => ({ t, p, q, T, m })),
        raw,
      );
      const perMs = new Map<number, number>();
      for (const { time } of told) perMs.set(time, (perMs.get(time) ?? 0) + 1);
      assert.equal(Math.max(...perMs.values()), 735);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: `Binance's recording: shifted to the start by one offset, printed${reason}`,
  ignore: absent,
  async fn() {
    const folder = Deno.makeTempDirSync();
    try {
      const startTime = 1_800_000_000_000 as EpochMs;
      await using market = await openMarket(
        exchangeMarketConfig.parse({ folder, source: RECORDED, startTime }),
      );
      assert.equal(market.now, startTime);
      const shift = Number(/shifted by (\d+) ms/.exec(market.notes![0]!)![1]);
      const raw = await rawTrades(RECORDED[0]!);
      all(market, 1000);
      const told = market.trades("BTCUSDT", { fromId: 3735683259, limit: 100 });
      assert.deepEqual(told.map((trade) => trade.time - shift), raw.slice(0, told.length).map(({ T }) => T));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

async function rawTrades(path: string) {
  const stream = (await Deno.open(path)).readable.pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  return text.split("\n").filter((line) => line.includes("@trade")).map((line) => {
    const { t, p, q, T, m } = JSON.parse(line.slice(line.indexOf(" "))).data;
    return { t, p, q, T, m };
  });
}
