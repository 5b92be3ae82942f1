import assert from "node:assert/strict";
import { join } from "node:path";
import { rowVersion } from "../../market/table.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { DeadLetter } from "../../query/market_query.ts";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { putFile } from "../put_file.ts";
import { testSeed } from "../seed.ts";
import { superuserOf } from "../superuser_postgres.ts";
import { compareWithTruth, drained, nextTradeIds, openStore } from "../truth_sqlite.ts";

const SYMBOLS = ["BTCUSDT", "ETHUSDT"];
const TABLES = ["crypto_24h_stats", "latest_prices", "klines", "order_book", "recent_trades", "completeness"];
const TRADES = "binance.public.recent_trades";

type Replay = {
  id: string;
  state: string;
  ranges: { partition: number; from: number; until: number }[];
  total: number;
  done: number;
  stored: number;
  unchanged: number;
  filtered: number;
  failed: number;
  error: string | null;
};
type Wanted = Record<string, unknown>;

Deno.test("dead letters and replays on the running pipeline", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-letters-" });
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": testSeed("dead letters and replays"),
    "exchange.market.symbols": SYMBOLS,
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const settings = {
    "source.restUrl": exchange.url,
    "symbols": SYMBOLS,
    // Small steps, so that a replay's progress can be seen.
    "consumer.replay.maxRecords": 80,
    // Windows are recomputed from the trades and are no part of what is compared here.
    "consumer.windows.enabled": false,
  };
  let pipeline = new TestPipeline(join(folder, "pipeline"), settings);
  const restart = async (more: Record<string, unknown>) => {
    await pipeline.process.stop();
    pipeline = new TestPipeline(join(folder, "pipeline"), { ...settings, ...more });
    await pipeline.start();
  };

  const letters = async () => (await pipeline.get<{ rows: DeadLetter[] }>("dead-letters?limit=500")).rows;
  const lettersAre = (count: number) =>
    until(`${count} dead letters`, 20_000, async () => {
      const found = await letters();
      return found.length === count ? found : undefined;
    }, async () => JSON.stringify((await letters()).map(({ message }) => message)));
  const trade = (id: number) => {
    using db = openStore(pipeline);
    return db.prepare("SELECT * FROM recent_trades WHERE symbol = 'TESTUSDT' AND trade_id = ?").get(id);
  };
  const dump = () => {
    using db = openStore(pipeline);
    return Object.fromEntries(
      TABLES.map((
        table,
      ) => [table, db.prepare(`SELECT * FROM ${table}`).all().map((row) => JSON.stringify(row))]),
    );
  };
  const storedAsInPostgres = async () => {
    await using client = await superuserOf(pipeline);
    let difference = "";
    await until("the store to have PostgreSQL's rows", 60_000, async () => {
      using db = openStore(pipeline);
      // The other two have rows here that are dead letters, or were truncated.
      for (const table of ["crypto_24h_stats", "latest_prices", "klines", "order_book"]) {
        const query = `SELECT CAST(version AS text) AS version FROM ${table}`;
        const stored = new Set(db.prepare(query).all().map(({ version }) => version));
        const { rows } = await client.query<{ version: string }>(query);
        const missing = rows.filter(({ version }) => !stored.has(version));
        if (missing.length === 0) continue;
        difference = `${table}: ${JSON.stringify(missing)} missing`;
        return undefined;
      }
      return true;
    }, () => difference);
  };
  const stateOf = async (name: string) => (await pipeline.module(name))?.state;
  const create = async (wanted: Wanted) =>
    (await pipeline.post<{ replay: Replay }>("replays", { topic: TRADES, ...wanted })).replay;
  const look = async (id: string) => (await pipeline.get<{ replay: Replay }>(`replays/${id}`)).replay;
  const finished = (id: string) =>
    until(`replay ${id} to end`, 60_000, async () => {
      const replay = await look(id);
      return replay.state === "running" ? undefined : replay;
    }, async () => JSON.stringify(await look(id)));
  const replayed = async (wanted: Wanted) => await finished((await create(wanted)).id);

  try {
    await pipeline.start();
    await exchange.run(500);
    const firstIds = await nextTradeIds(exchange, SYMBOLS);
    const { now: from } = await exchange.get<{ now: number }>("/admin/state");
    await exchange.run(6000);
    await drained(exchange, pipeline, SYMBOLS);
    const time = new Date(from);
    const insert = (
      client: Awaited<ReturnType<typeof superuserOf>>,
      column: string,
      id: string,
      values: Wanted = {},
    ) =>
      client.query(
        `INSERT INTO recent_trades (symbol, trade_id, price, ${column}, trade_time, is_buyer_maker, backfill)
        VALUES ('TESTUSDT', $1, $2, $3, $4, false, false)`,
        [id, values.price ?? "1.50", values.quantity ?? "2.500", time],
      );

    await t.step("a renamed column makes dead letters that name it, and what is good goes on", async () => {
      await using client = await superuserOf(pipeline);
      await client.query("ALTER TABLE recent_trades RENAME COLUMN quantity TO qty");
      for (const id of ["1", "2", "3"]) await insert(client, "qty", id);
      await client.query("ALTER TABLE recent_trades RENAME COLUMN qty TO quantity");
      await insert(client, "quantity", "4");
      const found = await lettersAre(3);
      for (const letter of found) {
        assert.equal(letter.code, "transform.schema_mismatch");
        assert.match(
          letter.message,
          /column "quantity" is missing, expected decimal text.*the row has .*qty/,
        );
        assert.match(letter.message, /map it in consumer\.columns\.recent_trades/);
        assert.equal(letter.topic, TRADES);
        assert.equal(letter.key, '{"symbol":"TESTUSDT"}');
        assert.equal(JSON.parse(letter.value!).after.qty, "2.500");
      }
      await until("the row after them", 10_000, () => trade(4));
      assert.equal(trade(1), undefined);
    });

    await t.step("extreme values and a truncation become dead letters that say what is wrong", async () => {
      await using client = await superuserOf(pipeline);
      await insert(client, "quantity", "9223372036854775807");
      await insert(client, "quantity", "5", { price: "NaN" });
      await insert(client, "quantity", "6", { price: `1${"0".repeat(70)}.5` });
      await insert(client, "quantity", "7", { quantity: "Infinity" });
      await insert(client, "quantity", "8", { price: "99999999999999.99999999" });
      await client.query("TRUNCATE completeness");
      const found = await lettersAre(8);
      const messages = found.map(({ message }) => message);
      for (
        const pattern of [
          /column "trade_id" must be an integer within ±2\^53, found about 9\.22337e\+18/,
          /column "price" must be decimal text .*, found "NAN"/,
          /column "price" must be decimal text .*, found "10000/,
          /column "quantity" must be decimal text .*, found "POSITIVE_INFINITY"/,
          /Decode completeness: it was truncated at the source; the store keeps its rows/,
        ]
      ) {
        assert.ok(messages.some((message) => pattern.test(message)), `${pattern} in\n${messages.join("\n")}`);
      }
      assert.equal(
        (await until("the largest price", 10_000, () => trade(8))).price,
        "99999999999999.99999999",
      );
    });

    await t.step("a retry before the fix changes nothing but the count of attempts", async () => {
      const counts = await pipeline.post<Wanted>("dead-letters/retry", { code: "transform.schema_mismatch" });
      assert.deepEqual([counts.retried, counts.stored, counts.failed], [7, 0, 7]);
      const found = await lettersAre(8);
      assert.deepEqual(
        new Set(found.map(({ code, attempts }) => `${code} ${attempts}`)),
        new Set([
          "transform.schema_mismatch 2",
          "transform.truncate 1",
        ]),
      );
    });

    await t.step("after a mapping was declared, a retry stores what it was declared for", async () => {
      await restart({ "consumer.columns": { recent_trades: { qty: "quantity" } } });
      const counts = await pipeline.post<Wanted>("dead-letters/retry", { code: "transform.schema_mismatch" });
      assert.deepEqual([counts.retried, counts.stored, counts.failed], [7, 3, 4]);
      for (const id of [1, 2, 3]) assert.equal(trade(id)?.quantity, "2.500");
      // Rows of before and after the change go on beside each other.
      await exchange.run(500);
      await drained(exchange, pipeline, SYMBOLS);
      await lettersAre(5);
    });

    await t.step("what cannot be mended is inspected and dropped", async () => {
      for (const { id, message } of await letters()) {
        const { deadLetter } = await pipeline.get<{ deadLetter: DeadLetter }>(
          `dead-letters/${encodeURIComponent(id)}`,
        );
        assert.equal(deadLetter.message, message);
        await pipeline.delete(`dead-letters/${encodeURIComponent(id)}`);
        const gone = await pipeline.request("GET", `dead-letters/${encodeURIComponent(id)}`);
        assert.equal(gone.status, 404);
        await gone.body?.cancel();
      }
      await lettersAre(0);
      const again = await pipeline.request("DELETE", "dead-letters/none");
      assert.equal(again.status, 404);
      await again.body?.cancel();
    });

    await t.step("a plain replay of a whole topic changes nothing (I2)", async () => {
      // Statistics, prices and books are written at their cadence, also when the market stands still.
      await pipeline.post("modules/producer/stop");
      await storedAsInPostgres();
      const before = dump();
      for (const table of TABLES) {
        const replay = await replayed({ topic: `binance.public.${table}` });
        assert.deepEqual(
          [replay.state, replay.stored, replay.filtered],
          ["done", 0, 0],
          JSON.stringify(replay),
        );
        assert.equal(replay.done, replay.total);
        assert.equal(replay.unchanged + replay.failed, replay.total);
      }
      assert.deepEqual(dump(), before);
      await pipeline.post("modules/producer/start");
      await until("the producer", 60_000, async () => await stateOf("producer") === "running" || undefined);
      // The rows that were dropped are still in the log: read again, they are dead letters again.
      for (const { id } of await lettersAre(5)) {
        await pipeline.delete(`dead-letters/${encodeURIComponent(id)}`);
      }
    });

    await t.step(
      "ranges of offsets and of time are read exactly, and a dry run counts without storing",
      async () => {
        const { ranges } = await replayed({ dry_run: true });
        const { partition, until: end } = ranges.reduce((a, b) =>
          a.until - a.from > b.until - b.from ? a : b
        );
        const some = await replayed({ partition, from_offset: 100, until_offset: 351 });
        assert.deepEqual([some.total, some.done, some.ranges.length], [251, 251, 1]);
        const rest = await replayed({ partition, from_offset: 351 });
        assert.equal(rest.total, end - 351);

        const whole = await replayed({ dry_run: true });
        assert.equal(await letters().then((found) => found.length), 0);
        const middle = Date.now();
        await exchange.run(500);
        await drained(exchange, pipeline, SYMBOLS);
        const early = await replayed({ until_time: middle, dry_run: true });
        const late = await replayed({ from_time: new Date(middle).toISOString() });
        assert.equal(early.total, whole.total);
        assert.ok(late.total >= 500 && late.stored === 0, JSON.stringify(late));
        assert.equal((await replayed({ dry_run: true })).total, early.total + late.total);

        const beyond = await pipeline.request("POST", "replays", { body: { topic: "binance.public.none" } });
        assert.equal(beyond.status, 400);
        assert.match((await beyond.json()).detail, /binance\.public\./);
      },
    );

    await t.step("progress can be followed, and a replay cancelled", async () => {
      // This log is replayed within a fraction of a second, and we or the host may be held up for longer than that.
      const replay = await until("a replay to be met under way", 60_000, async () => {
        const { id } = await create({ dry_run: true });
        for (let seen = await look(id); seen.state === "running"; seen = await look(id)) {
          if (seen.done === 0 || seen.done === seen.total) continue;
          const { replay } = await pipeline.delete<{ replay: Replay }>(`replays/${id}`);
          return replay.state === "done" ? undefined : replay;
        }
        return undefined;
      });
      const { id } = replay;
      assert.equal(replay.state, "cancelled");
      assert.ok(replay.done < replay.total);
      assert.equal((await look(id)).done, replay.done);
      const { replays } = await pipeline.get<{ replays: Replay[] }>("replays");
      assert.equal(replays[0]!.id, id);
    });

    await t.step("a correcting replay mends rows that a wrong transform stored", async () => {
      const transform = join(pipeline.dataDir, "user", "transforms", "wrong.ts");
      await putFile(
        transform,
        `export default { tables: ["recent_trades"], apply: (row) => ({ ...row, quantity: "0.5" }) };`,
      );
      const id = (await nextTradeIds(exchange, SYMBOLS)).get("BTCUSDT")!;
      await until("the transform", 20_000, async () => await stateOf("wrong") === "running" || undefined);
      // The consumer asks once a second which transforms there are.
      const read = () => {
        using db = openStore(pipeline);
        return db.prepare(
          "SELECT * FROM recent_trades WHERE symbol = 'BTCUSDT' AND trade_id >= ? AND quantity = '0.5' LIMIT 1",
        ).get(id);
      };
      const wrong = await until("a wrong row", 20_000, async () => {
        await exchange.run(100);
        return read();
      });
      await drained(exchange, pipeline, SYMBOLS);
      await Deno.remove(transform);
      await until("its end", 20_000, async () => await stateOf("wrong") === undefined || undefined);
      const found = () =>
        compareWithTruth(exchange, pipeline, SYMBOLS, { firstIds, from, finalBooks: false });
      assert.ok((await found()).differences.length > 0);

      const plain = await replayed({});
      assert.equal(plain.state, "done");
      const shown = await replayed({ correcting: true, dry_run: true });
      const mended = await replayed({ correcting: true });
      assert.equal(mended.stored, shown.stored);
      assert.deepEqual((await found()).differences, []);
      using db = openStore(pipeline);
      const row = db.prepare("SELECT * FROM recent_trades WHERE symbol = 'BTCUSDT' AND trade_id = ?")
        .get(wrong.trade_id as number)!;
      assert.equal(row.version, rowVersion(row.trade_time as EpochMs, 1), "revision 1 wins");
    });
  } finally {
    await pipeline.process?.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
