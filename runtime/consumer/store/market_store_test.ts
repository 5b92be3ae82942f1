import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import { testSeed } from "../../tests/seed.ts";
import { stackIgnore, stackName } from "../../tests/test_stack.ts";
import type { Change } from "../transform/transform.ts";
import type { MarketStore, NewDeadLetter, StoreBatch } from "./market_store.ts";
import { MemoryMarketStore } from "./memory.ts";
import { SqliteMarketStore } from "./sqlite.ts";
import { TestKeyspace } from "./testing/cassandra_keyspace.ts";
import { namespacedStore } from "./testing/namespaced_store.ts";

const T0 = 1_723_161_240_000; // a whole minute
const TOPIC = "binance.public.recent_trades";

type Subject = {
  name: string;
  make(limits?: { maxCount: number; maxBytes: number }): Disposing | Promise<Disposing>;
  /** Runs of the property: what a store costs to make and ask. */
  runs: number;
  /** Needs the servers of the test run. */
  servers?: boolean;
};
type Disposing = { store: MarketStore } & AsyncDisposable;

/** One keyspace for all tests: its tables take seconds to make. The last test drops it. */
let keyspace: TestKeyspace | undefined;

const SUBJECTS: Subject[] = [
  {
    name: "memory",
    runs: 300,
    make: (deadLetters) => ({
      store: new MemoryMarketStore({ deadLetters }),
      async [Symbol.asyncDispose]() {},
    }),
  },
  {
    name: "sqlite",
    runs: 40,
    make: (deadLetters) => {
      const folder = Deno.makeTempDirSync();
      const store = new SqliteMarketStore(`${folder}/store.db`, {
        origin: { kind: "exchange", id: "test", label: "test" },
        writer: "consumer",
        epoch: 1,
        deadLetters,
      });
      return {
        store,
        async [Symbol.asyncDispose]() {
          await store[Symbol.asyncDispose]();
          Deno.removeSync(folder, { recursive: true });
        },
      };
    },
  },
  {
    name: "cassandra",
    runs: 20,
    servers: true,
    make: async (deadLetters) => {
      keyspace ??= await TestKeyspace.create();
      const prefix = `${crypto.randomUUID().slice(0, 8)}-`;
      const store = await keyspace.open({ writer: prefix, deadLetters });
      return {
        store: namespacedStore(store, prefix),
        async [Symbol.asyncDispose]() {
          for (const { id } of await store.deadLetters({ limit: 1000 })) await store.dropDeadLetter(id);
          await store[Symbol.asyncDispose]();
        },
      };
    },
  },
];

/** What a store answers of money, comparable with what went in. */
const money = (store: MarketStore, text: string) =>
  store.capabilities.exactDecimals ? text : String(Number(text));
const counts = (store: MarketStore) => store.capabilities.countsOutcomes !== false;

function trade(id: number, changed: Partial<TradeRow> = {}): Change<"recent_trades"> {
  const row: TradeRow = {
    symbol: "BTCUSDT",
    trade_id: id,
    price: "61234.56000000",
    quantity: "0.00123000",
    trade_time: (T0 + id * 100) as EpochMs,
    is_buyer_maker: id % 2 === 0,
    backfill: false,
    ...changed,
  };
  return {
    table: "recent_trades",
    kind: "upsert",
    row,
    version: row.trade_time * 1000,
    topic: TOPIC,
    partition: 0,
    offset: id,
  };
}

function price(time: number, value: string, lastTradeId = 0): Change<"latest_prices"> {
  return {
    table: "latest_prices",
    kind: "upsert",
    row: {
      symbol: "ETHUSDT",
      price: value,
      updated_at: time as EpochMs,
      last_trade_id: lastTradeId,
      version: time * 1000,
    },
    version: time * 1000,
    topic: "binance.public.latest_prices",
    partition: 0,
    offset: 1,
  };
}

function batch(changes: unknown[], more: Partial<StoreBatch> = {}): StoreBatch {
  return { changes: changes as Change[], positions: [], deadLetters: [], at: T0 as EpochMs, ...more };
}

function letter(offset: number, value = "{"): NewDeadLetter {
  return {
    topic: TOPIC,
    partition: 0,
    offset,
    code: "decode.bad_json",
    message: "Decode: it is cut",
    key: null,
    value,
  };
}

const isCode = (code: string) => (error: unknown) => error instanceof CandlewireError && error.code === code;

/** Everything readers could see of trades. */
async function tradesOf(store: MarketStore, symbol = "BTCUSDT"): Promise<TradeRow[]> {
  const rows: TradeRow[] = [];
  for (let minute = T0 - 120_000; minute <= T0 + 600_000; minute += 60_000) {
    rows.push(...await store.minuteTrades(symbol, minute as EpochMs));
  }
  return rows;
}

for (const subject of SUBJECTS) {
  const define = (name: string, fn: () => Promise<void>) =>
    Deno.test(
      subject.servers
        ? { name: stackName(`${subject.name}: ${name}`), ...stackIgnore, sanitizeResources: false, fn }
        : { name: `${subject.name}: ${name}`, fn },
    );
  const test = (name: string, run: (store: MarketStore) => Promise<void>) =>
    define(name, async () => {
      await using made = await subject.make();
      await run(made.store);
    });

  test("write() stores rows digit for digit and moves positions with them (I1, I9)", async (store) => {
    const result = await store.write(
      batch([trade(1), trade(2, { price: "0.10" })], {
        positions: [{ topic: TOPIC, partition: 0, offset: 3 }],
      }),
    );
    assert.deepEqual(result.applied, { recent_trades: 2 });
    assert.deepEqual(
      (await tradesOf(store)).map((row) => row.price),
      [money(store, "61234.56000000"), money(store, "0.10")],
    );
    const { row } = trade(1);
    assert.deepEqual((await tradesOf(store))[0], {
      ...row,
      price: money(store, row.price),
      quantity: money(store, row.quantity),
    });
    const moved = store.capabilities.transactionalPositions
      ? [{ topic: TOPIC, partition: 0, offset: 3 }]
      : [];
    assert.deepEqual((await store.positions()).map((position) => ({ ...position })), moved);
  });

  test("an older version never replaces a newer one (I2)", async (store) => {
    const newer = { ...trade(1, { price: "2" }), version: trade(1).version + 1 };
    await store.write(batch([newer]));
    const result = await store.write(batch([trade(1, { price: "1" })]));
    if (counts(store)) assert.equal(result.stale, 1);
    assert.equal((await tradesOf(store))[0]!.price, "2");
    const again = await store.write(batch([newer]));
    if (counts(store)) assert.equal(again.duplicates, 1);
    assert.equal((await tradesOf(store)).length, 1);
  });

  test("equal versions with other values end the same in either order, counted (I2)", async (store) => {
    await store.write(batch([price(T0, "5", 7), price(T0 + 1, "6", 9)]));
    const first = await store.write(batch([price(T0, "6", 8)]));
    if (counts(store)) assert.deepEqual([first.tiedReplaced, first.tiedKept], [1, 0]);
    const second = await store.write(batch([price(T0 + 1, "5", 8)]));
    if (counts(store)) assert.deepEqual([second.tiedReplaced, second.tiedKept], [0, 1]);
    const seen = await store.recentPrices(1000, 10);
    assert.deepEqual(seen.map((row) => row.price), ["6", "6"]);
  });

  test("a deletion removes at its version and an older upsert does not bring the row back", async (store) => {
    const gone = { ...trade(1), kind: "delete" as const };
    await store.write(batch([trade(1), trade(2)]));
    assert.deepEqual((await store.write(batch([gone]))).applied, { recent_trades: 1 });
    const late = await store.write(batch([trade(1)]));
    if (counts(store)) assert.equal(late.stale, 1);
    assert.deepEqual((await tradesOf(store)).map((row) => row.trade_id), [2]);
    await store.write(batch([{ ...trade(1), version: gone.version + 1 }]));
    assert.deepEqual((await tradesOf(store)).map((row) => row.trade_id), [1, 2]);
  });

  test("a dry run counts and changes nothing", async (store) => {
    await store.write(batch([trade(1)]));
    const result = await store.write(
      batch([trade(1), trade(2), { ...trade(1), kind: "delete" }], {
        positions: [{ topic: TOPIC, partition: 0, offset: 9 }],
      }),
      { dryRun: true },
    );
    assert.equal(result.applied.recent_trades, counts(store) ? 2 : 3);
    if (counts(store)) assert.equal(result.duplicates + result.stale, 1);
    assert.deepEqual((await tradesOf(store)).map((row) => row.trade_id), [1]);
    assert.deepEqual(await store.positions(), []);
    const again = await store.write(batch([trade(1)]));
    if (counts(store)) assert.equal(again.duplicates, 1);
  });

  test("a row that can never be stored leaves the batch out", async (store) => {
    if (subject.name === "memory") return; // holds anything
    const bad = trade(2, { price: { no: "decimal" } as unknown as string });
    await assert.rejects(
      store.write(batch([trade(1), bad], { positions: [{ topic: TOPIC, partition: 0, offset: 3 }] })),
      isCode("store.bad_row"),
    );
    assert.deepEqual(await tradesOf(store), []);
    assert.deepEqual(await store.positions(), []);
  });

  test("dead letters are kept with their payload, counted again, settled and dropped (I5)", async (store) => {
    await store.write(batch([], { deadLetters: [letter(1), letter(2, "x".repeat(100))] }));
    await store.write(batch([], { deadLetters: [letter(1)], at: T0 + 5 as EpochMs }));
    const [first, second] = await store.deadLetters({ limit: 10 });
    assert.deepEqual([first!.attempts, first!.first_failed_at, first!.last_failed_at], [2, T0, T0 + 5]);
    assert.equal(second!.value, "x".repeat(100));
    assert.deepEqual((await store.deadLetters({ limit: 10, after: first!.id })).map(({ id }) => id), [
      second!.id,
    ]);
    assert.deepEqual(await store.deadLetters({ limit: 10, code: "other" }), []);
    await store.write(batch([trade(1)], { settled: [first!.id] }));
    assert.equal(await store.dropDeadLetter(second!.id), true);
    assert.equal(await store.dropDeadLetter(second!.id), false);
    assert.deepEqual(await store.deadLetters({ limit: 10 }), []);
  });

  define("a full dead-letter store refuses the whole batch (I5, I10)", async () => {
    for (const limits of [{ maxCount: 2, maxBytes: 1e6 }, { maxCount: 100, maxBytes: 250 }]) {
      await using made = await subject.make(limits);
      const value = "y".repeat(100);
      await made.store.write(batch([], { deadLetters: [letter(1, value), letter(2, value)] }));
      await assert.rejects(
        made.store.write(batch([trade(1)], { deadLetters: [letter(3, value)] })),
        isCode("store.dead_letters_full"),
      );
      assert.deepEqual(await tradesOf(made.store), []);
      await made.store.write(batch([], { deadLetters: [letter(2, value)] }));
      await made.store.dropDeadLetter(`${TOPIC}-0-1`);
      await made.store.write(batch([], { deadLetters: [letter(3, value)] }));
    }
  });

  test("an alert is raised once", async (store) => {
    const alert = {
      id: "a",
      rule: "r",
      symbol: "S",
      message: "m",
      raisedAt: T0 as EpochMs,
      evidence: { from: "1" },
    };
    assert.deepEqual((await store.raiseAlerts([alert, alert])).length, 1);
    assert.deepEqual(await store.raiseAlerts([alert]), []);
    assert.equal(await store.markDelivered("a"), true);
    assert.equal(await store.markDelivered("b"), false);
  });

  test("a minute is dirty when a trade of it changed, and stays so when marked again", async (store) => {
    await store.write(batch([trade(1), trade(700)]));
    const marked = await store.dirtyMinutes(10);
    assert.deepEqual(marked.map(({ minute }) => minute), [T0, T0 + 60_000]);
    await store.write(batch([trade(2)]));
    await store.writeWindows([], marked);
    const left = await store.dirtyMinutes(10);
    assert.deepEqual(left.map(({ minute }) => minute), [T0]);
    await store.writeWindows([], left);
    await store.write(batch([trade(1), trade(2)]));
    // Who cannot tell that nothing changed marks too often.
    if (counts(store)) assert.deepEqual(await store.dirtyMinutes(10), []);
    else await store.writeWindows([], await store.dirtyMinutes(10));
    await store.write(batch([{ ...trade(2), kind: "delete" }]));
    assert.equal((await store.dirtyMinutes(10)).length, 1);
  });

  test("a minute tells from which trade on it changed since its windows were written, where a store can know", async (store) => {
    const fromIs = async (id: number | undefined) => {
      const [marked] = await store.dirtyMinutes(10);
      // Where others may write the same tables, nothing is known.
      assert.equal(marked!.fromId, counts(store) ? id : undefined);
      return [marked!];
    };
    await store.write(batch([trade(1), trade(2)]));
    await store.writeWindows([], await fromIs(undefined));
    await store.write(batch([trade(4), trade(3)]));
    await store.write(batch([trade(5)]));
    const marked = await fromIs(3);
    const grown = await store.minuteTrades("BTCUSDT", T0 as EpochMs, 3);
    assert.deepEqual(grown.map(({ trade_id }) => trade_id), [3, 4, 5]);
    await store.write(batch([{ ...trade(2), kind: "delete" }]));
    await store.writeWindows([], marked);
    await store.writeWindows([], await fromIs(2));
    await store.write(batch([trade(6)]));
    await fromIs(6);
  });

  test("revisions rise and replays are kept", async (store) => {
    assert.deepEqual([await store.nextRevision(), await store.nextRevision()], [1, 2]);
    assert.equal(await store.note("transforms"), undefined);
    await store.saveNote("transforms", "[]");
    await store.saveNote("transforms", "[1]");
    assert.equal(await store.note("transforms"), "[1]");
    const replay = {
      id: "r1",
      state: "running" as const,
      topic: TOPIC,
      ranges: [{ partition: 0, from: 0, until: 9, next: 4 }],
      total: 9,
      done: 4,
      stored: 4,
      unchanged: 0,
      filtered: 0,
      failed: 0,
      dry_run: false,
      correcting: false,
      revision: 0,
      created_at: T0 as EpochMs,
      finished_at: null,
      error: null,
    };
    await store.saveReplay(replay);
    await store.saveReplay({ ...replay, done: 5 });
    assert.deepEqual((await store.replays()).map(({ done }) => done), [5]);
  });

  test("prune() removes what has expired and nothing else", async (store) => {
    if (store.capabilities.expiresByItself) return; // cassandra_test.ts
    await store.write(batch([trade(1), trade(700), trade(1300), price(T0, "1"), price(T0 + 120_000, "2")]));
    const keep = 60_000;
    const retention = {
      crypto_24h_stats: keep,
      latest_prices: keep,
      klines: keep,
      order_book: keep,
      recent_trades: keep,
      completeness: keep,
      windows_1s: keep,
      windows: keep,
      alerts: keep,
    };
    const pruneAt = async (now: number) => {
      for (let step = 0; step < 20; step++) {
        if ((await store.prune(now as EpochMs, retention)).done) return;
      }
    };
    const ids = async () => (await tradesOf(store)).map(({ trade_id }) => trade_id);
    await pruneAt(T0 + 130_000);
    assert.deepEqual(await ids(), [1, 700, 1300], "windows of the expired trade are not computed yet");
    await store.writeWindows([], (await store.dirtyMinutes(10)).filter(({ minute }) => minute === T0));
    await pruneAt(T0 + 130_000);
    assert.deepEqual((await tradesOf(store)).map(({ trade_id }) => trade_id), [700, 1300]);
    assert.deepEqual(
      (await store.recentPrices(1e9, 10)).filter(({ symbol }) => symbol === "ETHUSDT").map((row) =>
        row.price
      ),
      ["2"],
    );
    // Marks that nobody takes are bounded (I10).
    await pruneAt(T0 + 3 * 3_600_000);
    assert.deepEqual(await tradesOf(store), []);
    assert.deepEqual(await store.dirtyMinutes(10), []);
  });

  define("any order, repetition and grouping of changes leaves the same rows (I2)", async () => {
    const change = fc.record({
      id: fc.integer({ min: 1, max: 4 }),
      bump: fc.integer({ min: 0, max: 2 }),
      price: fc.constantFrom("1", "2", "10"),
      backfill: fc.boolean(),
      deletion: fc.integer({ min: 0, max: 5 }).map((value) => value === 0),
      table: fc.boolean(),
    }).map(({ id, bump, price: value, backfill, deletion, table }) => {
      const made = table ? trade(id, { price: value, backfill }) : price(T0 + id, value, bump);
      return {
        ...made,
        version: made.version + (table ? bump : 0),
        kind: deletion ? "delete" as const : "upsert" as const,
      } as Change;
    });
    const view = async (store: MarketStore) => ({
      trades: await tradesOf(store),
      prices: (await store.recentPrices(1e9, 1000)).filter(({ symbol }) => symbol === "ETHUSDT"),
    });
    const seed = testSeed("store order");
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        async (changes, choices) => {
          await using left = await subject.make();
          await using right = await subject.make();
          await left.store.write(batch(changes));
          const again = [...changes, ...changes.slice(0, 3)];
          for (let at = again.length - 1; at > 0; at--) {
            const other = choices.next().value as number % (at + 1);
            [again[at], again[other]] = [again[other]!, again[at]!];
          }
          for (let at = 0; at < again.length; at += 2) {
            await right.store.write(batch(again.slice(at, at + 2)));
          }
          assert.deepEqual(await view(right.store), await view(left.store));
        },
      ),
      { seed, numRuns: subject.runs },
    );
  });
}

Deno.test({
  name: stackName("cassandra: the tests' keyspace is dropped"),
  ...stackIgnore,
  fn: async () => {
    await keyspace?.[Symbol.asyncDispose]();
  },
});
