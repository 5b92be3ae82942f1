import type { DatabaseSync } from "node:sqlite";
import type { Position } from "../../change/record.ts";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import type { DeadLetter } from "../../query/market_query.ts";
import type { Alert, Change } from "../transform/transform.ts";
import type {
  DirtyMinute,
  MarketStore,
  Retention,
  SeenPrice,
  StoreBatch,
  StoreCapabilities,
  StoredWindow,
  WriteResult,
} from "./market_store.ts";
import { GrownMinutes } from "./grown_minutes.ts";
import type { Replay } from "./replay_record.ts";
import { storeError } from "./sqlite_error.ts";
import { fenced, metaValue, openStoreFile, setMeta, type SqliteFileOptions } from "./sqlite_file.ts";
import { type DeadLetterLimits, SqliteLetters } from "./sqlite_letters.ts";
import { SqlitePrune } from "./sqlite_prune.ts";
import { type Applied, SqliteRows } from "./sqlite_rows.ts";
import { recentPrices } from "./sqlite_seen_prices.ts";
import { SqliteTracks } from "./sqlite_tracks.ts";
import { SqliteWindows } from "./sqlite_windows.ts";
import { bySymbol, minuteOf, TradeTracks } from "./trade_runs.ts";

/** Options of {@linkcode SqliteMarketStore}. */
export type SqliteStoreOptions = SqliteFileOptions & { deadLetters?: DeadLetterLimits };

/** Replays that are kept; older ones that have finished are forgotten. */
const KEPT_REPLAYS = 200;

/**
 * {@linkcode MarketStore} in one SQLite file. Every call is one synchronous transaction, so a crash at any instant
 * leaves all of a batch or nothing of it.
 */
export class SqliteMarketStore implements MarketStore {
  readonly capabilities: StoreCapabilities = {
    transactionalPositions: true,
    exactDecimals: true,
    dryRun: true,
  };
  readonly #db: DatabaseSync;
  readonly #options: SqliteStoreOptions;
  readonly #rows: SqliteRows;
  readonly #tracks: SqliteTracks;
  readonly #letters: SqliteLetters;
  readonly #windows: SqliteWindows;
  readonly #prune: SqlitePrune;
  readonly #epoch;
  readonly #position;
  /** Above every mark that is stored; see `dirty_minutes`. */
  #mark: number;

  /** Opens, creates or migrates the file; throws what {@linkcode openStoreFile} throws. */
  constructor(path: string, options: SqliteStoreOptions) {
    this.#db = openStoreFile(path, options);
    this.#options = options;
    this.#rows = new SqliteRows(this.#db);
    const grown = new GrownMinutes();
    this.#tracks = new SqliteTracks(this.#db, grown);
    this.#letters = new SqliteLetters(
      this.#db,
      options.deadLetters ?? { maxCount: 10_000, maxBytes: 64 << 20 },
    );
    this.#windows = new SqliteWindows(this.#db, grown);
    this.#prune = new SqlitePrune(this.#db, this.#rows);
    this.#epoch = this.#db.prepare("SELECT value FROM meta WHERE name = ?");
    const { mark } = this.#db.prepare("SELECT coalesce(max(mark), 0) AS mark FROM dirty_minutes").get() as {
      mark: number;
    };
    this.#mark = mark;
    this.#position = this.#db.prepare(
      `INSERT INTO positions (topic, partition, "offset") VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET "offset" = excluded."offset"`,
    );
  }

  write(batch: StoreBatch, options: { dryRun?: boolean } = {}): Promise<WriteResult> {
    return this.#transaction("Write a batch", () => {
      const result: WriteResult = { applied: {}, duplicates: 0, stale: 0, tiedKept: 0, tiedReplaced: 0 };
      const mark = ++this.#mark;
      const trades: Change<"recent_trades">[] = [];
      for (const change of batch.changes) {
        if (change.table === "recent_trades" && change.kind === "upsert") {
          trades.push(change as Change<"recent_trades">);
          continue;
        }
        const applied = this.#rows.apply(change);
        count(result, change, applied);
        if (change.table === "recent_trades" && applied === "deleted") {
          const { symbol, trade_id, trade_time } = change.row as TradeRow;
          this.#tracks.markMinute(
            { symbol, minute: minuteOf(trade_time), firstId: trade_id, lastId: trade_id },
            mark,
          );
        }
      }
      if (trades.length > 0) this.#writeTrades(trades, result, batch.at, mark);
      for (const id of batch.settled ?? []) this.#letters.remove(id);
      // I5: the letter commits with the position that passes its record.
      this.#letters.write(batch.deadLetters, batch.at);
      // I1: the position moves in the transaction that made the rows durable.
      for (const { topic, partition, offset } of batch.positions) {
        this.#position.run(topic, partition, offset);
      }
      return result;
    }, options.dryRun);
  }

  #writeTrades(trades: Change<"recent_trades">[], result: WriteResult, at: EpochMs, mark: number): void {
    const tracks = new TradeTracks();
    for (const group of bySymbol(trades).values()) {
      for (const change of group) {
        const applied = this.#rows.upsert(change as unknown as Change);
        count(result, change as unknown as Change, applied);
        if (applied === "inserted" || applied === "replace" || applied === "tied_replace") tracks.add(change);
      }
    }
    this.#tracks.write(tracks, at, mark);
  }

  positions(): Promise<Position[]> {
    return this.#read(
      "Read positions",
      () =>
        this.#db.prepare(`SELECT topic, partition, "offset" FROM positions ORDER BY topic, partition`)
          .all() as unknown as Position[],
    );
  }

  raiseAlerts(alerts: Alert[]): Promise<Alert[]> {
    return this.#transaction("Store alerts", () => {
      const insert = this.#db.prepare(
        `INSERT INTO alerts (id, rule, symbol, message, raised_at, evidence) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO NOTHING`,
      );
      return alerts.filter(({ id, rule, symbol, message, raisedAt, evidence }) =>
        insert.run(id, rule, symbol, message, raisedAt, JSON.stringify(evidence)).changes === 1
      );
    });
  }

  markDelivered(id: string): Promise<boolean> {
    return this.#transaction(
      "Mark an alert",
      () => this.#db.prepare("UPDATE alerts SET delivered = 1 WHERE id = ?").run(id).changes === 1,
    );
  }

  deadLetterRoom() {
    return this.#read("Read dead letters", () => this.#letters.room());
  }

  deadLetters(options: Parameters<MarketStore["deadLetters"]>[0]): Promise<DeadLetter[]> {
    return this.#read("Read dead letters", () => this.#letters.list(options));
  }

  dropDeadLetter(id: string): Promise<boolean> {
    return this.#transaction("Drop a dead letter", () => this.#letters.remove(id));
  }

  dirtyMinutes(limit: number): Promise<DirtyMinute[]> {
    return this.#read("Read marked minutes", () => this.#windows.dirty(limit));
  }

  minuteTrades(symbol: string, minute: EpochMs, fromId?: number): Promise<TradeRow[]> {
    return this.#read("Read trades", () => this.#windows.trades(symbol, minute, fromId));
  }

  storedWindows(
    symbol: string,
    window: StoredWindow["window"],
    from: EpochMs,
    to: EpochMs,
  ): Promise<StoredWindow[]> {
    return this.#read("Read windows", () => this.#windows.stored(symbol, window, from, to));
  }

  async writeWindows(windows: StoredWindow[], done: DirtyMinute[]): Promise<void> {
    this.#windows.written(await this.#transaction("Write windows", () => this.#windows.write(windows, done)));
  }

  recentPrices(withinMs: number, limit: number): Promise<SeenPrice[]> {
    return this.#read("Read prices", () => recentPrices(this.#db, withinMs, limit));
  }

  replays(): Promise<Replay[]> {
    return this.#read("Read replays", () => {
      const rows = this.#db.prepare("SELECT body FROM replays ORDER BY created_at DESC, id DESC LIMIT ?")
        .all(KEPT_REPLAYS) as { body: string }[];
      return rows.map(({ body }) => JSON.parse(body) as Replay);
    });
  }

  saveReplay(replay: Replay): Promise<void> {
    return this.#transaction("Save a replay", () => {
      this.#db.prepare(
        `INSERT INTO replays (id, created_at, body) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET body = excluded.body`,
      ).run(replay.id, replay.created_at, JSON.stringify(replay));
      this.#db.prepare(
        `DELETE FROM replays WHERE body ->> 'state' <> 'running' AND id NOT IN (
           SELECT id FROM replays ORDER BY created_at DESC, id DESC LIMIT ${KEPT_REPLAYS})`,
      ).run();
    });
  }

  note(name: string): Promise<string | undefined> {
    return this.#read("Read a note", () => metaValue(this.#db, `note:${name}`));
  }

  saveNote(name: string, text: string): Promise<void> {
    return this.#transaction("Save a note", () => setMeta(this.#db, `note:${name}`, text));
  }

  nextRevision(): Promise<number> {
    return this.#transaction("Take a revision", () => {
      const revision = Number(metaValue(this.#db, "revision") ?? 0) + 1;
      if (revision > 999) {
        throw new CandlewireError(
          "store.revisions_exhausted",
          "Take a revision for a correcting replay: all 999 are used",
          { retry: "operator", hint: "Rebuild the store from the log into a new data folder" },
        );
      }
      setMeta(this.#db, "revision", String(revision));
      return revision;
    });
  }

  prune(now: EpochMs, retention: Retention): Promise<{ removed: number; done: boolean }> {
    return this.#transaction("Prune", () => this.#prune.step(now, retention));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  async #read<T>(action: string, work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      throw storeError(action, error);
    }
  }

  async #transaction<T>(action: string, work: () => T, dryRun = false): Promise<T> {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      this.#checkEpoch();
      const result = work();
      if (dryRun) this.#rollBack();
      else {
        this.#rows.flushCounts();
        this.#db.exec("COMMIT");
      }
      return result;
    } catch (error) {
      this.#rollBack();
      throw storeError(action, error);
    }
  }

  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.#rows.rolledBack();
      this.#tracks.rolledBack();
    } catch {
      // The first error is the one to tell; what is cached is read again by the next transaction that fails.
    }
  }

  /** Fencing: a consumer that was declared dead must not write after its successor has started. */
  #checkEpoch(): void {
    const { writer, epoch } = this.#options;
    const row = this.#epoch.get(`epoch:${writer}`) as { value: string };
    if (Number(row.value) !== epoch) throw fenced(writer, epoch, Number(row.value));
  }
}

function count(result: WriteResult, change: Change, applied: Applied): void {
  switch (applied) {
    case "duplicate":
      result.duplicates++;
      return;
    case "stale":
      result.stale++;
      return;
    case "tied_keep":
      result.tiedKept++;
      return;
    case "tied_replace":
      result.tiedReplaced++;
      break;
    case "inserted":
    case "deleted":
    case "replace":
      break;
  }
  result.applied[change.table] = (result.applied[change.table] ?? 0) + 1;
}
