import assert from "node:assert/strict";
import { join } from "node:path";
import type { ModuleStatus } from "../../host/module_host.ts";
import type { CompletenessRow } from "../../market/table.ts";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { booksSettled, compareWithTruth, drained, nextTradeIds, openStore } from "../truth_sqlite.ts";

const SYMBOLS = ["BTCUSDT", "ETHUSDT", "ETHBTC"];
type Fault = { name: string } & Record<string, unknown>;
type Stage = { id: string; state: string; detail: string };

Deno.test("faults of the exchange and of PostgreSQL: the store equals the truth afterwards (I3, I4)", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-faults-" });
  const seed = testSeed("faults");
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": seed,
    "exchange.market.symbols": SYMBOLS,
    "exchange.market.ratePerSecond": 60,
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), {
    "source.restUrl": exchange.url,
    "symbols": SYMBOLS,
    "producer.bookCadenceMs": 100,
    "producer.gapGraceMs": 200,
    "producer.reconnectBaseMs": 50,
    "producer.reconnectCapMs": 500,
    "producer.silenceMs": 8000,
  });
  /** After a failed step the store differs, and every further step would only wait. */
  const step = async (name: string, work: () => void | Promise<void>) => {
    if (!await t.step(name, work)) throw new Error(`Left out what follows "${name}"`);
  };
  const order = (fault: Fault) => exchange.post<{ id: number }>("/admin/faults", fault);
  const struck = async (id: number) => {
    const { faults } = await exchange.get<{ faults: { id: number; struck: number }[] }>("/admin/faults");
    return faults.find((each) => each.id === id)!.struck;
  };
  const clear = async () => {
    const signal = AbortSignal.timeout(60_000);
    await (await fetch(`${exchange.url}/admin/faults`, { method: "DELETE", signal })).body?.cancel();
  };
  /** Streams that are listened to, on all connections. */
  const streams = async () => {
    const { sockets } = await exchange.get<{ sockets: { streams: number }[] }>("/admin/state");
    return sockets.reduce((sum, socket) => sum + socket.streams, 0);
  };
  const producer = async () => (await pipeline.get<{ module: ModuleStatus }>("modules/producer")).module;
  const counted = async (name: string) =>
    Object.entries((await producer()).metrics).reduce(
      (sum, [key, value]) => key.startsWith(name) ? sum + value : sum,
      0,
    );
  const stage = async (id: string) =>
    (await pipeline.get<{ stages: Stage[] }>("pipeline")).stages.find((one) => one.id === id)!;

  try {
    await pipeline.start();
    /**
     * Lets the market go on until the store has all that was told, and every book at the market's last update. What a break
     * took is found by what comes after it, and a book that was joined again needs a change after its snapshot. Rounds are
     * shorter than the silence after which the producer gives a connection up.
     */
    const settled = (compared = () => Promise.resolve()) => {
      let last: unknown;
      return until("all that was told to be stored", 180_000, async () => {
        await exchange.run(100);
        try {
          await drained(exchange, pipeline, SYMBOLS, 1500);
          await booksSettled(exchange, pipeline, SYMBOLS, 1000);
          await compared();
          return true;
        } catch (error) {
          last = error;
        }
      }, () => String(last));
    };
    await settled();
    const listening = await streams();
    const firstIds = await nextTradeIds(exchange, SYMBOLS);
    const { now } = await exchange.get<{ now: number }>("/admin/state");

    /** What follows a fault: it ends, the market goes on a little, and the store must come to equal the truth. */
    const recovered = async () => {
      await clear();
      await until(
        "the producer to listen again",
        30_000,
        async () => await streams() >= listening || undefined,
        async () => JSON.stringify(await exchange.get("/admin/state")),
      );
      // A gap is listed a little after the trade that tells of it, so the comparison itself is what is waited for.
      await settled(async () => {
        const found = await compareWithTruth(exchange, pipeline, SYMBOLS, { firstIds, from: now });
        assert.deepEqual(found.differences, []);
        assert.equal(found.books, SYMBOLS.length);
      });
    };
    const under = async (fault: Fault) => {
      const { id } = await order(fault);
      await exchange.run(1200);
      assert.ok(await struck(id) > 0, `${fault.name} struck nothing`);
      await recovered();
    };

    /** A gap, so that REST is asked. After what came before, the producer may be connecting anew: trades are told until one is lost. */
    const dropTrade = async () => {
      const { id } = await order({ name: "drop", stream: "*@trade", probability: 0.05, seed });
      await until("a trade's frame to be dropped", 20_000, async () => {
        await exchange.run(400);
        return await struck(id) > 0 || undefined;
      });
    };

    const faults: Fault[] = [
      { name: "cut", afterFrames: 300, count: 2 },
      { name: "drop", probability: 0.05, seed },
      { name: "duplicate", copies: 2, probability: 0.2, seed },
      { name: "reorder", by: 4, probability: 0.1, seed },
      { name: "delay", ms: 120, probability: 0.05, seed },
      { name: "cutAfter" },
    ];
    for (const fault of faults) await step(`${fault.name}: the store equals the truth`, () => under(fault));

    await step("garbage of every kind is counted, and what is good around it is stored", async () => {
      for (
        const kind of ["malformed", "truncated", "oversized", "unknown", "binary", "notJson", "outOfRange"]
      ) {
        await order({ name: "garbage", kind, bytes: 5_000_000, count: 3, probability: 0.05, seed });
      }
      const before = await counted("candlewire_bad_frames_total");
      await exchange.run(1200);
      await recovered();
      await until(
        "the bad frames to be counted",
        5000,
        async () => await counted("candlewire_bad_frames_total") - before >= 15 || undefined,
        async () => JSON.stringify((await producer()).metrics),
      );
    });

    await step("429 while gaps are refilled: the pause is kept, nothing is given up", async () => {
      const limited = await order({ name: "http429", seconds: 5, path: "/api/v3/*" });
      await dropTrade();
      await until("a request to be refused", 20_000, async () => await struck(limited.id) > 0 || undefined);
      await recovered();
    });

    await step("serverShutdown: announced, then carried out", async () => {
      const reconnects = await counted("candlewire_reconnects_total");
      await order({ name: "serverShutdown", graceMs: 300 });
      await exchange.run(600);
      await until(
        "the producer to connect again",
        20_000,
        async () => await counted("candlewire_reconnects_total") > reconnects || undefined,
      );
      await recovered();
    });

    await step("stall: a connection that has gone silent is replaced", async () => {
      const { opened } = await exchange.get<{ opened: number }>("/admin/state");
      await order({ name: "stall" });
      await exchange.run(600);
      await until(
        "the producer to connect again",
        20_000,
        async () => (await exchange.get<{ opened: number }>("/admin/state")).opened > opened || undefined,
      );
      await recovered();
    });

    await step("a region block names the hosts of market data alone, and ends when it ends", async () => {
      const blocked = await order({ name: "http451" });
      await dropTrade();
      await until("a request to be refused", 20_000, async () => await struck(blocked.id) > 0 || undefined);
      await order({ name: "cut" });
      await exchange.run(300);
      const hint = /data-api\.binance\.vision.*data-stream\.binance\.vision/;
      await until(
        "the hint in the picture",
        20_000,
        async () => hint.test((await stage("producer")).detail) || undefined,
        async () => JSON.stringify(await stage("producer")),
      );
      const { lines } = await pipeline.get<{ lines: { message: string; fields?: unknown }[] }>(
        "modules/producer/logs?limit=1000",
      );
      assert.ok(lines.some((line) => hint.test(JSON.stringify(line))), "the hint in the log");
      await recovered();
    });

    await step("PostgreSQL held for a while, and shut down: rows wait, none is lost", async () => {
      const pid = await pipeline.pidOf("postgres");
      const family = [pid, ...await childrenOf(pid)];
      for (const each of family) signal(each, "SIGSTOP");
      try {
        await exchange.run(1500);
        await until(
          "rows to wait in the producer",
          20_000,
          async () => await counted("candlewire_queued_rows") > 0 || undefined,
          async () => JSON.stringify(await producer()),
        );
      } finally {
        for (const each of family) signal(each, "SIGCONT");
      }
      await recovered();
      // A fast shutdown, as an administrator would order it.
      Deno.kill(pid, "SIGINT");
      await exchange.run(1000);
      await until(
        "another PostgreSQL",
        30_000,
        async () => await pipeline.pidOf("postgres").catch(() => pid) !== pid || undefined,
      );
      await recovered();
      await until(
        "the restart in the picture",
        10_000,
        async () => (await stage("postgres")).detail.includes("started again") || undefined,
        async () => JSON.stringify(await stage("postgres")),
      );
    });

    await step("GET completeness lists the gaps with their cause, all refilled", async () => {
      const rows: CompletenessRow[] = [];
      for (let path: string | null = "completeness?limit=500"; path !== null;) {
        const page: { rows: CompletenessRow[]; next: string | null } = await pipeline.get(path);
        rows.push(...page.rows);
        path = page.next === null ? null : `completeness?limit=500&cursor=${encodeURIComponent(page.next)}`;
      }
      const trades = rows.filter(({ kind }) => kind === "trade");
      assert.ok(trades.length > 10, `${trades.length} gaps`);
      assert.deepEqual(rows.filter(({ kind, state }) => kind !== "book" && state !== "refilled"), []);
      const causes = new Set(trades.map(({ cause }) => cause));
      assert.ok(causes.has("disconnect") && causes.has("source_gap"), [...causes].join());
      // Each id of a gap is in the store, and those that no stream brought say that they are backfill.
      using db = openStore(pipeline);
      const inside = db.prepare(
        "SELECT count(*) AS n, sum(backfill) AS late FROM recent_trades WHERE symbol = ? AND trade_id BETWEEN ? AND ?",
      );
      let late = 0;
      for (const { symbol, first_id, last_id } of trades) {
        const found = inside.get(symbol, first_id, last_id) as { n: number; late: number };
        assert.equal(found.n, last_id - first_id + 1, `${symbol} ${first_id} to ${last_id}`);
        late += found.late;
      }
      assert.ok(late > 0);
    });

    await step("every part runs again, and no dead letter came of any of it (I5)", async () => {
      // A failure is shown for a while after its end.
      await until(
        "the producer to run",
        60_000,
        async () => (await stage("producer")).state === "running" || undefined,
        async () => JSON.stringify(await stage("producer")),
      );
      assert.deepEqual((await pipeline.get<{ rows: unknown[] }>("dead-letters")).rows, []);
    });
  } finally {
    await pipeline.process?.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

/** Processes whose parent is this one, by Linux's `/proc`. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return text.trim().split(/\s+/).filter((each) => each !== "").map(Number);
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It has ended.
  }
}
