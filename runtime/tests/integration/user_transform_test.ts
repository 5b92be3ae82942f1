import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExchangeTrade } from "../../exchange/market.ts";
import type { DeadLetter, StoredAlert } from "../../query/market_query.ts";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { putFile } from "../put_file.ts";
import { testSeed } from "../seed.ts";
import { openStore } from "../truth_sqlite.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/transforms/large_trades.ts", import.meta.url));
const SYMBOLS = ["BTCUSDT", "ETHUSDT", "ETHBTC"];

/** A transform of the test's own, with what it does to a row. */
const transform = (work: string) =>
  `export default {
  tables: ["recent_trades"],
  apply(row, context) {
    ${work}
    return row;
  },
};
`;

type Truth = (ExchangeTrade & { symbol: string })[];

Deno.test("user transforms come, change, crash, spin and go while the pipeline runs, and no row is lost (I5, I7)", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-transforms-" });
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": testSeed("user transforms"),
    "exchange.market.symbols": SYMBOLS,
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), {
    "source.restUrl": exchange.url,
    "symbols": SYMBOLS,
    "producer.initialTrades": 0,
    "producer.initialKlines": 0,
    "host.backoffMs": 50,
    "host.transformTimeoutMs": 2_500,
  });
  const transforms = join(pipeline.dataDir, "user", "transforms");
  const large = join(transforms, "large_trades.ts");
  const faulty = join(transforms, "faulty.ts");

  const module = (name: string) => pipeline.module(name);
  const digests = new Set<string>();
  /** Waits until a transform's new code runs and the consumer leads rows through it. */
  const taken = async (name: string) => {
    await until(`${name} to run`, 20_000, async () => {
      const found = await module(name);
      if (found?.state !== "running" || digests.has(found.digest)) return undefined;
      digests.add(found.digest);
      return found;
    }, async () => `${JSON.stringify(await module(name))}\n${pipeline.process.tail}`);
    await chain((names) => names.includes(name));
  };
  const chain = (fits: (names: string[]) => boolean) =>
    until("the consumer to take up the transforms", 10_000, async () => {
      const { lines } = await pipeline.get<
        { lines: { message: string; fields?: { transforms: string[] } }[] }
      >("modules/consumer/logs?limit=1000");
      const last = lines.findLast(({ message }) => message === "User transforms changed");
      return fits(last?.fields?.transforms ?? []) || undefined;
    }, () => pipeline.process.tail);
  const filtered = async () => {
    const { metrics } = (await module("consumer"))!;
    return (rule: string) => metrics[`candlewire_filtered_total{rule="${rule}"}`] ?? 0;
  };
  const letters = async () => (await pipeline.get<{ rows: DeadLetter[] }>("dead-letters?limit=500")).rows;

  const db = () => openStore(pipeline);
  const stored = (symbol: string) => {
    using store = db();
    return new Set(
      store.prepare("SELECT trade_id AS id FROM recent_trades WHERE symbol = ?").all(symbol)
        .map((row) => row.id as number),
    );
  };
  const last = async () => {
    const ids = new Map<string, number>();
    for (const symbol of SYMBOLS) {
      const range = await exchange.get<{ last: number }>(`/admin/truth/range?symbol=${symbol}`);
      ids.set(symbol, range.last);
    }
    return ids;
  };
  /** Lets trades happen and waits until each is accounted for: stored, filtered or a dead letter. Answers with them. */
  const run = async (trades: number): Promise<Truth> => {
    const before = await last();
    await exchange.run(trades);
    const truth: Truth = [];
    for (const symbol of SYMBOLS) {
      const page = await exchange.get<ExchangeTrade[]>(
        `/admin/truth/trades?symbol=${symbol}&fromId=${before.get(symbol)! + 1}&limit=50000`,
      );
      truth.push(...page.map((trade) => ({ ...trade, symbol })));
    }
    assert.ok(truth.length >= trades, `${truth.length} trades`);
    return truth;
  };
  /** Waits until the store holds exactly those of `truth` that `keeps` says. */
  const settles = async (truth: Truth, keeps: (trade: Truth[number]) => boolean, timeoutMs = 30_000) => {
    const differences = () => {
      const found = new Map(SYMBOLS.map((symbol) => [symbol, stored(symbol)]));
      return truth.filter((trade) => found.get(trade.symbol)!.has(trade.tradeId) !== keeps(trade));
    };
    await until(
      "the store to hold what shall be stored",
      timeoutMs,
      () => differences().length === 0 || undefined,
      async () => {
        const different = differences();
        return `${different.length} of ${truth.length} differ: ${JSON.stringify(different.slice(0, 5))}; ${
          JSON.stringify(await module("consumer"))
        }\n${pipeline.process.tail}`;
      },
    );
  };

  try {
    await pipeline.start();
    await settles(await run(2000), () => true);

    const notional = (trade: ExchangeTrade) => Number(trade.price) * Number(trade.quantity);
    await t.step(
      "the example, dropped into the folder: rows filtered by its rule, alerts raised",
      async () => {
        // At its own threshold the simulated market has too few for a short run.
        const text = await Deno.readTextFile(EXAMPLE);
        assert.ok(text.includes("LARGE = 100_000;"));
        await putFile(large, text.replace("LARGE = 100_000;", "LARGE = 1_000;"));
        await taken("large_trades");
        const truth = await run(6000);
        const dust = truth.filter((trade) => notional(trade) < 0.01);
        const big = truth.filter((trade) => notional(trade) >= 1_000);
        assert.ok(dust.length > 0 && big.length > 0, `${dust.length} of dust, ${big.length} large`);
        await settles(truth, (trade) => notional(trade) >= 0.01);
        await until(
          "the filtered rows to be counted",
          5000,
          async () => (await filtered())("large_trades:dust") === dust.length || undefined,
          async () => `${(await filtered())("large_trades:dust")} of ${dust.length}`,
        );
        const rows: StoredAlert[] = [];
        for (let cursor: string | null = ""; cursor !== null;) {
          const at: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
          const page = await pipeline.get<{ rows: StoredAlert[]; next: string | null }>(
            `alerts?limit=100${at}`,
          );
          rows.push(...page.rows);
          cursor = page.next;
        }
        assert.deepEqual(
          rows.map(({ id }) => id).sort(),
          big.map(({ symbol, tradeId }) => `large_trades:large_trade:${symbol}:${tradeId}`).sort(),
        );
        assert.equal(
          rows[0]!.evidence.price,
          big.find((one) => one.tradeId === rows[0]!.evidence.trade_id)!.price,
        );
      },
    );

    await t.step("changed code waits for approval while the approved copy goes on", async () => {
      await putFile(
        large,
        transform(`if (row.trade_id % 7 === 0) return context.filter("seven");`),
      );
      const { pendingDigest } = await until("the changed code to be seen", 10_000, async () => {
        const found = await module("large_trades");
        return found?.pendingDigest ? found : undefined;
      });
      await settles(await run(1000), (trade) => notional(trade) >= 0.01);
      const wrong = await pipeline.request("POST", "modules/large_trades/approve", {
        body: { digest: "0".repeat(64) },
      });
      assert.equal(wrong.status, 409, await wrong.text());
      await pipeline.post("modules/large_trades/approve", { digest: pendingDigest });
      await taken("large_trades");
      await settles(await run(1000), (trade) => trade.tradeId % 7 !== 0);
      assert.equal((await module("large_trades"))!.pendingDigest, null);
    });

    await t.step("taken out of the folder: rows pass again", async () => {
      await Deno.remove(large);
      await until("its end", 10_000, async () => await module("large_trades") === undefined || undefined);
      await settles(await run(1000), () => true);
    });

    await t.step("a row on which it crashes becomes a dead letter, all others are stored", async () => {
      const poison = (await last()).get("BTCUSDT")! + 700;
      await putFile(
        faulty,
        transform(`if (row.symbol === "BTCUSDT" && row.trade_id === ${poison}) Deno.exit(1);`),
      );
      await taken("faulty");
      const truth = await run(3000);
      await settles(truth, (trade) => trade.symbol !== "BTCUSDT" || trade.tradeId !== poison, 60_000);
      const [letter, ...others] = await until("the dead letter", 10_000, async () => {
        const found = await letters();
        return found.length > 0 ? found : undefined;
      });
      assert.deepEqual(others, []);
      assert.equal(letter!.code, "transform.crashed");
      assert.match(letter!.message, new RegExp(`^Transform faulty on recent_trades BTCUSDT ${poison}: `));
      assert.equal(JSON.parse(letter!.value!).after.trade_id, poison);
      assert.equal((await module("faulty"))!.state, "running");
    });

    await t.step("a fixed transform lets the dead letter be stored by a retry", async () => {
      const [letter] = await letters();
      await putFile(
        faulty,
        transform(`if (row.trade_id % 11 === 0) return context.filter("eleven");`),
      );
      const { pendingDigest } = await until("the fixed code", 10_000, async () => {
        const found = await module("faulty");
        return found?.pendingDigest ? found : undefined;
      });
      await pipeline.post("modules/faulty/approve", { digest: pendingDigest });
      await taken("faulty");
      const counts = await pipeline.post<{ retried: number; failed: number }>("dead-letters/retry", {
        ids: [letter!.id],
      });
      assert.deepEqual([counts.retried, counts.failed], [1, 0]);
      assert.deepEqual(await letters(), []);
    });

    await t.step("one that spins is killed, its rows wait, and go on when it is taken away", async () => {
      await Deno.remove(faulty);
      await until("its end", 10_000, async () => await module("faulty") === undefined || undefined);
      await putFile(join(transforms, "spinning.ts"), transform("while (true);"));
      await taken("spinning");
      const truth = await run(2000);
      const spinning = await until("it to be killed until its budget is used up", 60_000, async () => {
        const found = await module("spinning");
        return found?.state === "failed" ? found : undefined;
      }, async () => JSON.stringify(await module("spinning")));
      assert.ok(spinning.violations.exit_timeout! > 0, JSON.stringify(spinning.violations));
      await until("the consumer to say what it waits for", 10_000, async () => {
        const { state, health, detail } = (await module("consumer"))!;
        return state === "running" && health === "degraded" && detail.includes("spinning") || undefined;
      }, async () => JSON.stringify(await module("consumer")));
      // Others go on (I7): capture still reads what happens.
      assert.equal((await module("capture"))!.health, "running");
      await Deno.remove(join(transforms, "spinning.ts"));
      // Those rows on which it spun alone are dead letters; without it they can be stored. Others wait no longer.
      const dead = await until("every row to be stored or a dead letter", 30_000, async () => {
        const found = await letters();
        const of = new Set(
          found.map(({ message }) => /^Transform spinning on recent_trades (\w+ \d+): /.exec(message)?.[1]),
        );
        const ids = new Map(SYMBOLS.map((symbol) => [symbol, stored(symbol)]));
        return truth.every(({ symbol, tradeId }) =>
            ids.get(symbol)!.has(tradeId) !== of.has(`${symbol} ${tradeId}`)
          )
          ? found
          : undefined;
      });
      assert.ok(dead.length > 0 && dead.length <= 5, `${dead.length} dead letters`);
      assert.ok(dead.every(({ code }) => code === "transform.crashed"), JSON.stringify(dead[0]));
      const counts = await pipeline.post<{ retried: number; stored: number }>("dead-letters/retry", {
        all: true,
      });
      assert.deepEqual([counts.retried, counts.stored], [dead.length, dead.length]);
      await settles(truth, () => true);
    });

    await t.step("no event vanished: read = stored + unchanged + filtered + dead letters (I5)", async () => {
      const account = await until("the consumer to have counted all that capture wrote", 10_000, async () => {
        const text = await (await fetch(`${pipeline.url}/metrics`)).text();
        const total = (name: string) =>
          [...text.matchAll(new RegExp(`^candlewire_${name}_total(?:\\{[^}]*\\})? (\\d+)`, "gm"))]
            .reduce((sum, [, value]) => sum + Number(value), 0);
        const found = {
          captured: total("captured_changes"),
          read: total("consumed_records"),
          stored: total("stored_rows"),
          unchanged: total("duplicate_rows"),
          filtered: total("filtered"),
          dead: total("dead_letters"),
        };
        return found.captured === found.read ? found : undefined;
      });
      const { read, stored, unchanged, filtered, dead } = account;
      console.log(JSON.stringify(account));
      assert.equal(read, stored + unchanged + filtered + dead);
      assert.ok(dead > 1 && filtered > 0);
    });
  } finally {
    await pipeline.process?.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
