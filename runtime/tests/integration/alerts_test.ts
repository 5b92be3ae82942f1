import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { SseReader } from "../../control/sse_reader_fixture.ts";
import type { ExchangeTrade } from "../../exchange/market.ts";
import type { StoredAlert } from "../../query/market_query.ts";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { drained } from "../truth_sqlite.ts";

const SYMBOLS = ["BTCUSDT", "ETHUSDT"];
const SECRET = "a secret of this test alone";
const RULES = [
  { name: "quick_rise", symbols: ["BTCUSDT"], percent: 0.01, withinMs: 10_000 },
  { name: "quick_fall", symbols: ["BTCUSDT"], percent: -0.01, withinMs: 10_000 },
  { name: "slow_rise", symbols: ["*"], percent: 0.01, withinMs: 3_600_000 },
];

/** What arrived at the webhook's receiver. */
type Delivery = {
  id: string;
  alert: StoredAlert;
  simulated: boolean;
  origin: { kind: string };
  valid: boolean;
};

type Evidence = { from_price: string; from_time: number; to_price: string; to_time: number; percent: number };

/** A receiver of webhooks: refuses the first two, then takes everything. */
function serveReceiver() {
  const deliveries: Delivery[] = [];
  let refused = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const body = await request.text();
    if (refused < 2) {
      refused++;
      return new Response("not now", { status: 503 });
    }
    const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(
      request.headers.get("candlewire-signature") ?? "",
    )!;
    const expected = createHmac("sha256", SECRET).update(`${time}.${body}`).digest();
    const fresh = Math.abs(Date.now() / 1000 - Number(time)) < 60;
    deliveries.push({
      ...JSON.parse(body),
      id: request.headers.get("candlewire-delivery")!,
      valid: fresh && timingSafeEqual(expected, Uint8Array.fromHex(signature!)),
    });
    return new Response(null, { status: 204 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/alerts`,
    deliveries,
    refusals: () => refused,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("price-move alerts: raised once, with evidence, on the API, the event stream and a webhook", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-alerts-" });
  await using receiver = serveReceiver();
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": testSeed("alerts"),
    "exchange.market.symbols": SYMBOLS,
    "exchange.market.ratePerSecond": 30,
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), {
    "source.restUrl": exchange.url,
    "symbols": SYMBOLS,
    "producer.initialTrades": 0,
    "consumer.alerts": RULES,
    "control.webhook": { url: receiver.url, secret: SECRET, intervalMs: 200, maxBackoffMs: 500 },
  });
  const alerts = async () => {
    const { rows, next } = await pipeline.get<{ rows: StoredAlert[]; next: string | null }>(
      "alerts?limit=500",
    );
    assert.equal(next, null);
    return rows;
  };
  const published: { id: string; simulated: boolean }[] = [];
  let following = Promise.resolve();
  /** Reads the channel `alerts` to the end of the test. */
  const follow = async () => {
    const response = await pipeline.request("GET", "events?channels=alerts", { role: "viewer" });
    const reader = new SseReader(response.body!);
    const snapshot = await reader.json();
    assert.deepEqual([snapshot.kind, snapshot.data.rows], ["snapshot", []]);
    following = (async () => {
      try {
        while (true) {
          const { event, data, simulated } = await reader.json();
          if (event === "alerts") published.push({ id: data.id, simulated });
        }
      } catch {
        // The pipeline has stopped.
      }
    })();
  };
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id).sort();
  /** Waits until every stored alert was told by the webhook, and on the stream. */
  const told = async (options = { stream: true }) => {
    await drained(exchange, pipeline, SYMBOLS);
    return await until("each alert on the stream and at the receiver", 20_000, async () => {
      const rows = await alerts();
      const delivered = new Set(receiver.deliveries.map(({ id }) => id));
      const seen = new Set(published.map(({ id }) => id));
      return rows.length > 0 &&
          rows.every(({ id, delivered: mark }) =>
            mark && delivered.has(id) && (seen.has(id) || !options.stream)
          )
        ? rows
        : undefined;
    }, async () => JSON.stringify([ids(await alerts()), ids(published), ids(receiver.deliveries)]));
  };
  const truthOf = async (symbol: string) =>
    await exchange.get<ExchangeTrade[]>(
      `/admin/truth/trades?symbol=${symbol}&fromId=${first.get(symbol)}&limit=50000`,
    );
  const first = new Map<string, number>();

  try {
    await pipeline.start();
    await follow();
    for (const symbol of SYMBOLS) {
      const { last } = await exchange.get<{ last: number }>(`/admin/truth/range?symbol=${symbol}`);
      first.set(symbol, last + 1);
    }
    await exchange.run(5000);

    await t.step("every move of the market raises its alert, once a rule, symbol and period", async () => {
      const rows = await told();
      const truth = await truthOf("BTCUSDT");
      for (const rule of RULES.slice(0, 2)) {
        const found = new Set(rows.filter((row) => row.rule === rule.name).map(({ id }) => id));
        // The exact move of the truth within 59/60 of the rule's time must have been told; the last 1/60 may be missed.
        const sure = periodsOf(truth, rule, rule.withinMs * 59 / 60);
        const possible = periodsOf(truth, rule, rule.withinMs);
        assert.ok(sure.size > 2, `${sure.size} periods in which the price moved`);
        const direction = rule.percent < 0 ? "down" : "up";
        const id = (period: number) => `${rule.name}:BTCUSDT:${direction}:${period}`;
        for (const period of sure) assert.ok(found.has(id(period)), `${id(period)} was not raised`);
        const all = new Set([...possible].map(id));
        for (const each of found) assert.ok(all.has(each), `${each} was raised without a move`);
      }
      assert.equal(new Set(ids(rows)).size, rows.length);
      for (const symbol of SYMBOLS) {
        assert.ok(rows.some((row) => row.rule === "slow_rise" && row.symbol === symbol), symbol);
      }
    });

    await t.step("the evidence is the market's own prices, and bears the move out", async () => {
      const truth = await truthOf("BTCUSDT");
      for (const row of await alerts()) {
        if (row.symbol !== "BTCUSDT") continue;
        const rule = RULES.find(({ name }) => name === row.rule)!;
        const { from_price, from_time, to_price, to_time, percent } = row.evidence as Evidence;
        assert.ok(to_time - from_time <= rule.withinMs && to_time >= from_time, JSON.stringify(row));
        assert.equal(row.raised_at, to_time);
        const move = (Number(to_price) / Number(from_price) - 1) * 100;
        assert.ok(rule.percent < 0 ? move <= rule.percent : move >= rule.percent, JSON.stringify(row));
        assert.ok(Math.abs(move - percent) < 1e-5);
        // A latest price may be told a little after the trade that made it.
        for (const [price, time] of [[from_price, from_time], [to_price, to_time]] as const) {
          const known = truth.some((trade) =>
            trade.price === price && trade.time <= time && trade.time > time - 10_000
          );
          assert.ok(known, `${price} at ${time}`);
        }
        assert.match(row.message, /^BTCUSDT [+−]\d+\.\d\d % within (10 seconds|1 hour)$/);
      }
    });

    await t.step("the receiver got each once, signed, after it had refused two", () => {
      assert.equal(receiver.refusals(), 2);
      assert.deepEqual(ids(receiver.deliveries), [...new Set(ids(receiver.deliveries))]);
      for (const { valid, simulated, origin, alert, id } of receiver.deliveries) {
        assert.ok(valid, "a valid signature");
        assert.deepEqual([simulated, origin.kind, alert.id], [true, "exchange", id]);
      }
      assert.ok(published.every(({ simulated }) => simulated), "I8");
    });

    await t.step("a restarted and a killed consumer raise nothing twice", async () => {
      const before = await told();
      await pipeline.post("modules/consumer/restart");
      await exchange.run(500);
      await told();
      const { trades } = await exchange.get<{ trades: number }>("/admin/state");
      await exchange.post("/admin/run", { untilTrades: trades + 1000, wait: false });
      Deno.kill(await pipeline.pidOf("consumer"), "SIGKILL");
      await until(
        "the run",
        20_000,
        async () =>
          (await exchange.get<{ trades: number }>("/admin/state")).trades >= trades + 1000 || undefined,
      );
      // Killed after an alert was durable, it has no time to tell the stream's readers; they find it by GET.
      let after = await told({ stream: false });
      // Some seeds are quiet for a while.
      for (let more = 0; after.length <= before.length && more < 10; more++) {
        await exchange.run(1000);
        after = await told({ stream: false });
      }
      assert.ok(after.length > before.length);
      assert.deepEqual(ids(receiver.deliveries), ids(after), "each once at the receiver");
      const stored = new Set(ids(after));
      assert.equal(new Set(ids(published)).size, published.length, "none twice on the stream");
      assert.ok(published.every(({ id }) => stored.has(id)));
      for (const alert of before) assert.deepEqual(after.find(({ id }) => id === alert.id), alert);
    });

    await t.step("a replay of all trades raises nothing twice", async () => {
      const before = await told({ stream: false });
      const { replay } = await pipeline.post<{ replay: { id: string } }>("replays", {
        topic: "binance.public.recent_trades",
      });
      await until("the replay", 20_000, async () => {
        const answer = await pipeline.get<{ replay: { state: string } }>(`replays/${replay.id}`);
        return answer.replay.state === "done" || undefined;
      });
      assert.deepEqual(ids(await alerts()), ids(before));
    });
  } finally {
    await pipeline.process?.stop();
    await following;
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

/** Periods of a rule in which some trade's price had moved by the rule's percentage within a time before it. */
function periodsOf(
  trades: ExchangeTrade[],
  rule: { percent: number; withinMs: number },
  withinMs: number,
): Set<number> {
  const periods = new Set<number>();
  for (const [at, { price, time }] of trades.entries()) {
    for (let before = at; before >= 0 && trades[before]!.time >= time - withinMs; before--) {
      const move = (Number(price) / Number(trades[before]!.price) - 1) * 100;
      if (rule.percent < 0 ? move <= rule.percent : move >= rule.percent) {
        periods.add(Math.floor(time / rule.withinMs));
        break;
      }
    }
  }
  return periods;
}
