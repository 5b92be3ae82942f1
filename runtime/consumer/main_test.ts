import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { JournalSink } from "../capture/sink/journal.ts";
import type { SinkRecord } from "../capture/sink/change_sink.ts";
import { topicOf } from "../change/envelope.ts";
import { CandlewireError } from "../error.ts";
import { type MemoryContext, memoryContext } from "../host/memory_context.ts";
import { SqliteMarketQuery } from "../query/sqlite.ts";
import { seededRandom, testSeed } from "../tests/seed.ts";
import { until as found } from "../tests/until.ts";
import { consumerConfigSchema } from "./config.ts";
import main from "./main.ts";
import type { UserRequest } from "./transform/user_protocol.ts";

const ORIGIN = { kind: "exchange", id: "test", label: "test" } as const;
const T0 = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 600_000;
const SOURCE = { version: "3", connector: "postgresql", name: "binance", ts_ms: 1, snapshot: "false" };

type Bench = { folder: string; journal: JournalSink; parameters: Record<string, unknown> };

async function withJournal(
  run: (bench: Bench) => Promise<void>,
  { transforms = [], ...settings }: Record<string, unknown> = {},
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await using journal = await JournalSink.open(`${folder}/journal`, {
      origin: ORIGIN,
      partitions: 4,
      epoch: 1,
      limits: {
        segmentBytes: 8 << 20,
        segmentMs: 3_600_000,
        retentionMs: 3_600_000,
        retentionBytes: 1 << 30,
        maxBytes: 2 ** 31,
      },
    });
    const parameters = {
      ...consumerConfigSchema.parse(settings),
      log: { kind: "journal", folder: `${folder}/journal` },
      store: { kind: "sqlite", file: `${folder}/store.db`, cacheKiB: 8192 },
      transforms,
    };
    await run({ folder, journal, parameters });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function record(table: string, after: Record<string, unknown>, op = "c"): SinkRecord {
  const [before, row] = op === "d" ? [after, null] : [null, after];
  return {
    topic: topicOf(table),
    key: JSON.stringify({ symbol: after.symbol }),
    value: JSON.stringify({ before, after: row, source: SOURCE, transaction: null, op, ts_ms: 1 }),
  };
}

function trade(id: number, symbol = `S${id % 7}USDT`, changed: Record<string, unknown> = {}): SinkRecord {
  return record("recent_trades", {
    symbol,
    trade_id: id,
    price: `${100 + id % 13}.50000000`,
    quantity: "0.10000000",
    trade_time: new Date(T0 + id).toISOString(),
    is_buyer_maker: id % 2 === 0,
    backfill: false,
    ...changed,
  });
}

async function append(journal: JournalSink, records: SinkRecord[]): Promise<void> {
  await journal.append(records, {
    systemId: "1",
    commitLsn: "0/1",
    changes: -1,
    acknowledgedLsn: "0/1",
    snapshot: null,
  });
}

/** The store may not be there yet: then it is asked again. */
async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await found(what, 20_000, async () => await condition() || undefined);
}

async function running(context: MemoryContext, work: () => Promise<void>): Promise<void> {
  const ended = main(context);
  ended.catch(() => {});
  try {
    await Promise.race([work(), ended.then(() => Promise.reject(new Error("The consumer ended")))]);
  } finally {
    context.stop();
    await ended;
  }
}

Deno.test("main() carries every table from the journal to readers, and tells capture what is durable", async () => {
  await withJournal(async ({ journal, parameters, folder }) => {
    const acknowledged: [string, string, unknown][] = [];
    const context = memoryContext(parameters, {
      name: "consumer",
      origin: ORIGIN,
      answer: (to, method, sent) => acknowledged.push([to, method, sent]),
    });
    const at = new Date(T0).toISOString();
    await append(journal, [
      trade(1),
      record("latest_prices", {
        symbol: "S1USDT",
        price: "9",
        updated_at: at,
        last_trade_id: 1,
        version: T0 * 1000,
      }),
      record("klines", {
        symbol: "S1USDT",
        open_time: at,
        close_time: at,
        open_price: "1",
        high_price: "2",
        low_price: "1",
        close_price: "2",
        volume: "3",
        quote_volume: "4",
        number_of_trades: 2,
        first_trade_id: 1,
        last_trade_id: 2,
        closed: true,
        backfill: false,
        version: (T0 + 120_000) * 1000,
      }),
      record("order_book", {
        symbol: "S1USDT",
        bids: '[["1.0","2"]]',
        asks: '[["1.5","2"]]',
        depth: 100,
        last_update_id: 5,
        trusted: true,
        updated_at: new Date().toISOString(),
        version: Date.now() * 1000,
      }),
      record("crypto_24h_stats", {
        symbol: "S1USDT",
        price_change_percent: "-1",
        last_price: "9",
        high_price: "9",
        low_price: "1",
        volume: "5",
        quote_volume: "45.5",
        trade_count: 3,
        last_trade_id: 1,
        quote_asset: "USDT",
        updated_at: at,
        version: T0 * 1000,
      }, "r"),
      record("completeness", {
        symbol: "S1USDT",
        kind: "trade",
        first_id: 1,
        last_id: 4,
        cause: "disconnect",
        state: "refilled",
        detected_at: at,
        updated_at: at,
        version: T0 * 1000,
      }),
      trade(2, "S1USDT", { price: 5 }),
      trade(3, "S1USDT", { trade_time: "2017-01-01T00:00:00Z" }),
    ]);
    await running(context, async () => {
      await using query = new SqliteMarketQuery(`${folder}/store.db`);
      await until(async () => (await query.counts()).completeness === 1, "rows of every table");
      assert.equal((await query.trades({ symbol: "S1USDT", limit: 9 })).rows[0]!.price, "101.50000000");
      assert.equal((await query.klines({ symbol: "S1USDT", limit: 9 })).rows[0]!.closed, true);
      assert.equal((await query.book("S1USDT"))!.spread, "0.5");
      assert.equal(
        (await query.tickers({ limit: 9, orderBy: "quote_volume_usdt" })).rows[0]!.quote_volume_usdt,
        "45.5",
      );
      const { rows } = await query.deadLetters({ limit: 9 });
      assert.match(rows[0]!.message, /column "price" must be decimal text .* found 5/);
      assert.equal(context.values.get('candlewire_filtered_total{rule="expired"}'), 1);
      await until(() => acknowledged.some(([to]) => to === "capture"), "the acknowledgement");
      assert.equal(acknowledged.find(([to]) => to === "capture")![1], "log.acknowledged");
      await until(
        async () => (await query.aggregates({ symbol: "S1USDT", window: "1m", limit: 9 })).rows.length === 1,
        "windows",
      );
      await until(
        () =>
          ["trades", "prices", "tickers", "klines", "books"].every((name) =>
            context.events.some(({ channel }) => channel === name)
          ),
        "events",
      );
      const positions = await context.invoke("positions", {}) as { position: number; high: number }[];
      assert.ok(positions.length >= 6 && positions.every(({ position, high }) => position === high));
      // A woken reader sees what was appended.
      await append(journal, [trade(8, "S1USDT")]);
      await context.invoke("log.appended", {}, "capture");
      await until(async () => (await query.counts()).recent_trades === 2, "the next trade");
      const dropped = await context.invoke("dead_letters.drop", { id: rows[0]!.id });
      assert.deepEqual(dropped, { dropped: true });
      await assert.rejects(context.invoke("dead_letters.drop", { id: "x" }), /no such/);
      const replay = await context.invoke("replays.create", {
        topic: topicOf("recent_trades"),
        dry_run: true,
      });
      await until(
        async () => (await context.invoke("replays.get", replay) as { state: string }).state === "done",
        "the replay",
      );
      assert.equal(((await context.invoke("replays.list", {})) as unknown[]).length, 1);
    });
    assert.deepEqual(
      context.logs.filter(({ level }) => level === "error"),
      [],
    );
  });
});

Deno.test("main() leads rows through user transforms by calls of the host", async () => {
  await withJournal(async ({ journal, parameters, folder }) => {
    const context = memoryContext(parameters, {
      name: "consumer",
      origin: ORIGIN,
      answer(to, _method, sent) {
        if (to !== "round") return {};
        const { columns, rows } = sent as UserRequest;
        const price = columns.indexOf("price");
        return {
          outcomes: rows.map((row) =>
            row[1] === 2 ? [1, "two"] : [0, row.map((v, at) => at === price ? "7" : v)]
          ),
          alerts: [{ id: "u1", rule: "r", symbol: "S1USDT", message: "m", raisedAt: T0, evidence: {} }],
        };
      },
    });
    await append(journal, [trade(1, "S1USDT"), trade(2, "S1USDT")]);
    await running(context, async () => {
      await using query = new SqliteMarketQuery(`${folder}/store.db`);
      await until(async () => (await query.counts()).recent_trades === 1, "the row");
      assert.equal((await query.trades({ symbol: "S1USDT", limit: 9 })).rows[0]!.price, "7");
      assert.equal(context.values.get('candlewire_filtered_total{rule="round:two"}'), 1);
      assert.equal((await query.alerts({ limit: 9 })).rows[0]!.id, "u1");
      assert.deepEqual(await context.invoke("alerts.delivered", { id: "u1" }), { delivered: true });
      assert.equal((await query.alerts({ limit: 9, undeliveredOnly: true })).rows.length, 0);
    });
  }, { transforms: [{ name: "round", tables: ["recent_trades"] }] });
});

Deno.test("main() refuses a store of another origin or of a newer consumer, and names the remedy", async () => {
  await withJournal(async ({ parameters }) => {
    const first = memoryContext(parameters, { name: "consumer", origin: ORIGIN, epoch: 5 });
    await running(first, () => until(() => first.state.health === "running", "the first consumer"));
    const live = { kind: "live", id: "binance", label: "Binance" } as const;
    await assert.rejects(
      main(memoryContext(parameters, { name: "consumer", origin: live, epoch: 6 })),
      (error) => {
        assert.match(String(error), /it holds exchange test \(test\), this run is live binance/);
        assert.match((error as { hint: string }).hint, /--data-dir/);
        return true;
      },
    );
    await assert.rejects(
      main(memoryContext(parameters, { name: "consumer", origin: ORIGIN, epoch: 4 })),
      /epoch 4, epoch 5 has taken over/,
    );
  });
});

Deno.test("kill -9 at seeded points: after restarts the store equals the log, and all is accounted for (I1, I2, I5)", async () => {
  const seed = testSeed("kill consumer");
  const random = seededRandom(seed);
  await withJournal(async ({ journal, parameters, folder }) => {
    const count = 30_000;
    let bad = 0;
    for (let id = 1; id <= count; id += 1000) {
      const records: SinkRecord[] = [];
      for (let at = id; at < id + 1000; at++) {
        records.push(trade(at));
        if (random() < 0.005) {
          records.push(trade(at, "S1USDT", { quantity: null }));
          bad++;
        }
        if (random() < 0.01) records.push(trade(at - Math.floor(random() * Math.min(at, 500))));
      }
      await append(journal, records);
    }
    const script = `${folder}/child.ts`;
    const url = (path: string) => JSON.stringify(pathToFileURL(new URL(path, import.meta.url).pathname).href);
    Deno.writeTextFileSync(
      script,
      `import main from ${url("./main.ts")};\nimport { memoryContext } from ${
        url("../host/memory_context.ts")
      };\n` +
        `const [parameters, epoch] = Deno.args;\n` +
        `await main(memoryContext(JSON.parse(parameters!), { name: "consumer", epoch: Number(epoch), ` +
        `origin: ${JSON.stringify(ORIGIN)} }));\n`,
    );
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const start = (epoch: number) =>
      new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          "--config",
          config,
          script,
          JSON.stringify(parameters),
          String(epoch),
        ],
        stdout: "null",
        stderr: "inherit",
      }).spawn();
    await using query = new SqliteMarketQuery(`${folder}/store.db`);
    const stored = async () => (await query.counts()).recent_trades ?? 0;
    const points = [1, 2, 3].map((part) => Math.floor((part - random()) * count / 3.5) + 1);
    let epoch = 0;
    let midway = 0;
    for (const point of points) {
      const child = start(++epoch);
      await until(async () => await stored() >= point, `${point} trades`);
      child.kill("SIGKILL");
      await child.status;
      if (await stored() < count) midway++;
    }
    assert.ok(midway > 0, "at least one kill came while it worked");
    const last = start(++epoch);
    await until(async () => await stored() === count, "every trade");
    await until(async () => (await query.counts()).dirty_minutes === 0, "windows");
    last.kill("SIGKILL");
    await last.status;
    const found = new Map<number, string>();
    for (let at = 0; at < 7; at++) {
      let cursor: string | undefined;
      do {
        const page = await query.trades({ symbol: `S${at}USDT`, limit: 1000, cursor });
        for (const row of page.rows) found.set(row.trade_id, row.price);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
    }
    assert.equal(found.size, count);
    for (const [id, price] of found) assert.equal(price, `${100 + id % 13}.50000000`);
    const letters = await query.counts();
    assert.equal(letters.dead_letters, bad);
    let windowed = 0;
    for (let at = 0; at < 7; at++) {
      const { rows } = await query.aggregates({ symbol: `S${at}USDT`, window: "1h", limit: 100 });
      windowed += rows.reduce((sum, row) => sum + row.trade_count, 0);
    }
    assert.equal(windowed, count);
    assert.equal((await query.lineage("S1USDT", 8))!.topic, topicOf("recent_trades"));
  }, { maxRecords: 200, windows: { everyMs: 50 } });
});

Deno.test("a wall clock that is set back by an hour holds up no reader, no acknowledgement and no window", async () => {
  await withJournal(async ({ journal, parameters, folder }) => {
    let acknowledged = 0;
    const context = memoryContext(parameters, {
      name: "consumer",
      origin: ORIGIN,
      answer: (_to, method, sent) => {
        if (method !== "log.acknowledged") return;
        for (const { offset } of (sent as { positions: { offset: number }[] }).positions) {
          acknowledged = Math.max(acknowledged, offset);
        }
      },
    });
    await append(journal, [trade(1, "AUSDT")]);
    const query = new SqliteMarketQuery(`${folder}/store.db`);
    const wall = Date.now;
    await running(context, async () => {
      await until(() => acknowledged === 1 && context.events.length > 0, "the first trade");
      const windows = async () =>
        (await query.aggregates({ symbol: "AUSDT", window: "1h", limit: 1 })).rows[0]?.trade_count;
      await until(async () => await windows() === 1, "its window");
      try {
        Date.now = () => wall() - 3_600_000;
        await append(journal, [trade(2, "AUSDT"), trade(3, "AUSDT")]);
        await until(() => acknowledged === 3, "the acknowledgement");
        const told = () => context.events.some(({ event }) => JSON.stringify(event).includes('"trade_id":3'));
        await until(told, "readers to be told");
        await until(async () => await windows() === 3, "the window");
      } finally {
        Date.now = wall;
      }
    });
    await query[Symbol.asyncDispose]();
  });
});

Deno.test("a transform that is back does not hide a partition that is blocked (I7)", async () => {
  await withJournal(async ({ journal, parameters, folder }) => {
    let away = true;
    const context = memoryContext(parameters, {
      name: "consumer",
      origin: ORIGIN,
      answer(to, method, sent) {
        if (to === "host") return [];
        if (method !== "apply") return {};
        if (away) {
          throw new CandlewireError("host.unreachable", "Call slow.apply: the module is backing_off", {
            retry: "retry",
          });
        }
        return { outcomes: (sent as UserRequest).rows.map((row) => [0, row]) };
      },
    });
    const query = new SqliteMarketQuery(`${folder}/store.db`);
    await running(context, async () => {
      await append(journal, [1, 2].map((id) => trade(id, "AUSDT", { price: "much" })));
      await until(() => context.state.health === "blocked", "the partition to be blocked");
      const at = new Date(T0).toISOString();
      await append(journal, [
        record("latest_prices", {
          symbol: "BUSDT",
          price: "9",
          updated_at: at,
          last_trade_id: 1,
          version: T0 * 1000,
        }),
      ]);
      await until(() => context.state.health === "degraded", "the transform to be waited for");
      away = false;
      const stored = async () => (await query.prices({ symbol: "BUSDT", limit: 1 })).rows.length === 1;
      await until(stored, "the price");
      assert.equal(context.state.health, "blocked", context.state.detail);
    });
    await query[Symbol.asyncDispose]();
  }, {
    transforms: [{ name: "slow", tables: ["latest_prices"] }],
    deadLetters: { maxCount: 1 },
    retryMaxMs: 100,
  });
});

Deno.test("a price of more digits than are computed with is a dead letter, and ends nothing (I5, I7)", async () => {
  await withJournal(async ({ journal, parameters, folder }) => {
    const context = memoryContext(parameters, { name: "consumer", origin: ORIGIN, answer: () => ({}) });
    const query = new SqliteMarketQuery(`${folder}/store.db`);
    await append(journal, [trade(1, "AUSDT", { price: "1".repeat(45) }), trade(2, "AUSDT")]);
    await running(context, async () => {
      await until(
        async () =>
          (await query.aggregates({ symbol: "AUSDT", window: "1h", limit: 1 })).rows[0]?.trade_count === 1,
        "the window",
      );
      const letters = await query.deadLetters({ limit: 10 });
      assert.deepEqual(letters.rows.map(({ code }) => code), ["transform.schema_mismatch"]);
    });
    await query[Symbol.asyncDispose]();
  });
});
