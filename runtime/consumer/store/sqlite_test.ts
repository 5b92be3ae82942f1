import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { Change } from "../transform/transform.ts";
import { storeError } from "./sqlite_error.ts";
import { SqliteMarketStore, type SqliteStoreOptions } from "./sqlite.ts";

const T0 = 1_723_161_240_000 as EpochMs;
const ORIGIN = { kind: "exchange", id: "seed-7", label: "exchange, seed 7" } as const;

async function inFolder(run: (file: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await run(`${folder}/store.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function open(file: string, more: Partial<SqliteStoreOptions> = {}): SqliteMarketStore {
  return new SqliteMarketStore(file, { origin: ORIGIN, writer: "consumer", epoch: 1, ...more });
}

function trade(id: number, kind: Change["kind"] = "upsert"): Change {
  return {
    table: "recent_trades",
    kind,
    row: {
      symbol: "BTCUSDT",
      trade_id: id,
      price: "1",
      quantity: "1",
      trade_time: T0 + id as EpochMs,
      is_buyer_maker: false,
      backfill: false,
    },
    version: (T0 + id) * 1000,
    topic: "binance.public.recent_trades",
    partition: 0,
    offset: id,
  };
}

const write = (store: SqliteMarketStore, changes: Change[]) =>
  store.write({ changes, positions: [{ topic: "t", partition: 0, offset: 1 }], deadLetters: [], at: T0 });

const is = (code: string, hint: RegExp) => (error: unknown) =>
  error instanceof CandlewireError && error.code === code && error.retry === "operator" &&
  hint.test(error.hint ?? "");

Deno.test("a consumer that was declared dead cannot write after its successor has started", async () => {
  await inFolder(async (file) => {
    await using old = open(file, { epoch: 3 });
    await write(old, [trade(1)]);
    await using _successor = open(file, { epoch: 4 });
    await assert.rejects(write(old, [trade(2)]), is("store.fenced", /Stop this instance/));
    await assert.rejects(old.raiseAlerts([]), is("store.fenced", /Stop/));
    assert.throws(() => open(file, { epoch: 3 }), is("store.fenced", /Stop/));
    const db = new DatabaseSync(file, { readOnly: true });
    assert.equal(db.prepare("SELECT count(*) AS n FROM recent_trades").get()!.n, 1);
    db.close();
  });
});

Deno.test("a file of another origin, a newer schema or damage is refused with its remedy", async () => {
  await inFolder(async (file) => {
    await open(file)[Symbol.asyncDispose]();
    const other = { kind: "recording", id: "btc", label: "recording btc" } as const;
    assert.throws(() => open(file, { origin: other }), is("store.origin_mismatch", /--data-dir/));
    const db = new DatabaseSync(file);
    db.exec("PRAGMA user_version = 99");
    db.close();
    assert.throws(() => open(file), is("store.newer_schema", /newer version/));
  });
  await inFolder(async (file) => {
    Deno.writeTextFileSync(
      file,
      "this is no database, and long enough to be looked at as a header".repeat(40),
    );
    assert.throws(() => open(file), is("store.corrupt", /Move the store's file away/));
  });
  assert.throws(
    () => open("/nonexistent/folder/store.db"),
    (error) =>
      error instanceof CandlewireError && error.code === "store.unavailable" && error.retry === "retry",
  );
});

Deno.test("deletions, positions and row counts outlive a restart", async () => {
  await inFolder(async (file) => {
    {
      await using store = open(file);
      await write(store, [trade(1), trade(2), trade(3)]);
      await write(store, [trade(2, "delete")]);
    }
    await using store = open(file, { epoch: 2 });
    assert.equal((await write(store, [trade(2)])).stale, 1);
    assert.equal((await store.positions()).length, 1);
    const db = new DatabaseSync(file, { readOnly: true });
    assert.equal(
      db.prepare("SELECT row_count FROM row_counts WHERE table_name = 'recent_trades'").get()!.row_count,
      2,
    );
    assert.equal(db.prepare("SELECT count(*) AS n FROM recent_trades").get()!.n, 2);
    db.close();
  });
});

Deno.test("a batch that fails leaves nothing behind, not even in memory", async () => {
  await inFolder(async (file) => {
    await using store = open(file);
    const bad = trade(9);
    (bad.row as { price: unknown }).price = null;
    await assert.rejects(write(store, [trade(1, "delete"), trade(1), bad]), /store|NOT NULL/);
    assert.deepEqual(await store.positions(), []);
    assert.deepEqual((await write(store, [trade(1)])).applied, { recent_trades: 1 });
  });
});

Deno.test("a disk that is full is waited for: nothing is stored and the error says to try again", async () => {
  await inFolder(async (file) => {
    await open(file)[Symbol.asyncDispose]();
    const limited = new DatabaseSync(file);
    const { page_count: pages } = limited.prepare("PRAGMA page_count").get() as { page_count: number };
    limited.close();
    await using store = open(file, { epoch: 2, maxPages: pages + 2 });
    const many = Array.from({ length: 5000 }, (_, id) => trade(id + 1));
    await assert.rejects(
      write(store, many),
      (error) => error instanceof CandlewireError && error.retry === "retry" && /full/.test(error.message),
    );
    assert.deepEqual(await store.positions(), []);
  });
});

Deno.test("a store that another process holds is waited for, whichever call meets the lock", () => {
  for (
    const [cause, code] of [
      [Object.assign(new Error("database is locked"), { code: "ERR_SQLITE_ERROR" }), "store.unavailable"],
      [Object.assign(new Error("x"), { code: "ERR_SQLITE_ERROR", errcode: 5 | 2 << 8 }), "store.unavailable"],
      [Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR" }), "store.unavailable"],
      [
        Object.assign(new Error("no such table: x"), { code: "ERR_SQLITE_ERROR", errcode: 1 }),
        "store.failed",
      ],
      [Object.assign(new Error("NOT NULL constraint failed"), { code: "ERR_SQLITE_ERROR" }), "store.bad_row"],
      [Object.assign(new Error("x"), { code: "ERR_SQLITE_ERROR", errcode: 1299 }), "store.bad_row"],
      [new TypeError("Provided value cannot be bound"), "store.bad_row"],
    ] as const
  ) assert.equal(storeError("Write", cause).code, code);
});

Deno.test("a write that meets a lock is told to try again, and succeeds when the lock is gone", async () => {
  await inFolder(async (file) => {
    await using store = open(file, { busyMs: 1 });
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    await assert.rejects(
      write(store, [trade(1)]),
      (error) =>
        error instanceof CandlewireError && error.code === "store.unavailable" && error.retry === "retry",
    );
    other.exec("ROLLBACK");
    other.close();
    assert.deepEqual((await write(store, [trade(1)])).applied, { recent_trades: 1 });
  });
});
