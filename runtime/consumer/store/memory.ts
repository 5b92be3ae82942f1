import type { Position } from "../../change/record.ts";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TableName, TradeRow } from "../../market/table.ts";
import type { DeadLetter } from "../../query/market_query.ts";
import { TABLE_COLUMNS } from "../table_columns.ts";
import type { Alert, Change } from "../transform/transform.ts";
import { judge } from "./compare_rows.ts";
import { GrownMinutes } from "./grown_minutes.ts";
import {
  deadLetterId,
  type DirtyMinute,
  type MarketStore,
  type Retention,
  type SeenPrice,
  type StoreBatch,
  type StoreCapabilities,
  type StoredWindow,
  type WriteResult,
} from "./market_store.ts";
import type { Replay } from "./replay_record.ts";
import { minuteOf, WINDOW_GRACE_MS } from "./trade_runs.ts";

type Stored = { row: Record<string, unknown>; version: number };

type State = {
  rows: Map<string, Stored>;
  tombstones: Map<string, number>;
  letters: Map<string, DeadLetter>;
  positions: Map<string, Position>;
  dirty: Map<string, DirtyMinute>;
};

/** {@linkcode MarketStore} in memory, for tests; under the same contract suite as the others. */
export class MemoryMarketStore implements MarketStore {
  readonly capabilities: StoreCapabilities = {
    transactionalPositions: true,
    exactDecimals: true,
    dryRun: true,
  };
  #state: State = {
    rows: new Map(),
    tombstones: new Map(),
    letters: new Map(),
    positions: new Map(),
    dirty: new Map(),
  };
  readonly #alerts = new Map<string, Alert & { delivered: boolean }>();
  readonly #windows = new Map<string, StoredWindow>();
  readonly #replays = new Map<string, Replay>();
  readonly #limits: { maxCount: number; maxBytes: number };
  readonly #notes = new Map<string, string>();
  readonly #grown = new GrownMinutes();
  #revision = 0;
  #mark = 0;

  constructor(options: { deadLetters?: { maxCount: number; maxBytes: number } } = {}) {
    this.#limits = options.deadLetters ?? { maxCount: 10_000, maxBytes: 64 << 20 };
  }

  /** Rows of a table in key order, for tests. */
  rows(table: TableName): Record<string, unknown>[] {
    return [...this.#state.rows].filter(([key]) => key.startsWith(`${table} `))
      .sort(([a], [b]) => a < b ? -1 : 1).map(([, { row }]) => row);
  }

  async write(batch: StoreBatch, options: { dryRun?: boolean } = {}): Promise<WriteResult> {
    const kept = this.#state;
    this.#state = {
      rows: new Map(kept.rows),
      tombstones: new Map(kept.tombstones),
      letters: new Map(kept.letters),
      positions: new Map(kept.positions),
      dirty: new Map(kept.dirty),
    };
    try {
      const result = this.#apply(batch);
      if (options.dryRun) this.#state = kept;
      return result;
    } catch (error) {
      this.#state = kept;
      throw error;
    }
  }

  #apply(batch: StoreBatch): WriteResult {
    const result: WriteResult = { applied: {}, duplicates: 0, stale: 0, tiedKept: 0, tiedReplaced: 0 };
    this.#mark++;
    for (const change of batch.changes) {
      if (!this.#applyOne(change, result)) continue;
      result.applied[change.table] = (result.applied[change.table] ?? 0) + 1;
      if (change.table === "recent_trades") {
        const { symbol, trade_id, trade_time } = change.row as TradeRow;
        const minute = minuteOf(trade_time);
        this.#state.dirty.set(`${symbol} ${minute}`, { symbol, minute, mark: this.#mark });
        this.#grown.touched(symbol, minute, trade_id);
      }
    }
    for (const id of batch.settled ?? []) this.#state.letters.delete(id);
    for (const letter of batch.deadLetters) {
      const id = deadLetterId(letter.topic, letter.partition, letter.offset);
      const known = this.#state.letters.get(id);
      this.#state.letters.set(id, {
        ...letter,
        id,
        first_failed_at: known?.first_failed_at ?? batch.at,
        last_failed_at: batch.at,
        attempts: (known?.attempts ?? 0) + 1,
      });
      const { count, bytes, maxCount, maxBytes } = this.#room();
      if (known === undefined && (count > maxCount || bytes > maxBytes)) {
        throw new CandlewireError("store.dead_letters_full", `Store dead letter ${id}: no room`, {
          retry: "operator",
        });
      }
    }
    for (const position of batch.positions) {
      this.#state.positions.set(`${position.topic} ${position.partition}`, position);
    }
    return result;
  }

  #applyOne(change: Change, result: WriteResult): boolean {
    const { table, version } = change;
    const row = change.row as unknown as Record<string, unknown>;
    const key = `${table} ${JSON.stringify(TABLE_COLUMNS[table].key.map((name) => row[name]))}`;
    const deletedAt = this.#state.tombstones.get(key) ?? -1;
    const stored = this.#state.rows.get(key);
    if (change.kind === "delete") {
      if (deletedAt < version) this.#state.tombstones.set(key, version);
      if (stored === undefined || deletedAt >= version) return result.duplicates++, false;
      if (stored.version > version) return result.stale++, false;
      return this.#state.rows.delete(key);
    }
    if (deletedAt >= version) return result.stale++, false;
    if (stored !== undefined) {
      const verdict = judge(table, stored as never, { row: row as never, version });
      if (verdict === "duplicate") return result.duplicates++, false;
      if (verdict === "stale") return result.stale++, false;
      if (verdict === "tied_keep") return result.tiedKept++, false;
      if (verdict === "tied_replace") result.tiedReplaced++;
    }
    this.#state.rows.set(key, { row, version });
    return true;
  }

  async positions(): Promise<Position[]> {
    return [...this.#state.positions.values()];
  }

  async raiseAlerts(alerts: Alert[]): Promise<Alert[]> {
    const raised = alerts.filter((alert, at) =>
      !this.#alerts.has(alert.id) && alerts.findIndex(({ id }) => id === alert.id) === at
    );
    for (const alert of raised) this.#alerts.set(alert.id, { ...alert, delivered: false });
    return raised;
  }

  async markDelivered(id: string): Promise<boolean> {
    const alert = this.#alerts.get(id);
    if (alert !== undefined) alert.delivered = true;
    return alert !== undefined;
  }

  async deadLetterRoom() {
    return this.#room();
  }

  #room() {
    const letters = [...this.#state.letters.values()];
    const bytes = letters.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
    return { count: letters.length, bytes, ...this.#limits };
  }

  async deadLetters(options: Parameters<MarketStore["deadLetters"]>[0]): Promise<DeadLetter[]> {
    const all = [...this.#state.letters.values()];
    const start = options.after === undefined ? 0 : all.findIndex(({ id }) => id === options.after) + 1;
    return all.slice(start).filter((letter) =>
      (options.ids?.includes(letter.id) ?? true) && (options.code ?? letter.code) === letter.code &&
      (options.topic ?? letter.topic) === letter.topic
    ).slice(0, options.limit);
  }

  async dropDeadLetter(id: string): Promise<boolean> {
    return this.#state.letters.delete(id);
  }

  async dirtyMinutes(limit: number): Promise<DirtyMinute[]> {
    return [...this.#state.dirty.values()].sort((a, b) => a.mark - b.mark).slice(0, limit)
      .map((row) => ({ ...row, fromId: this.#grown.changedFrom(row.symbol, row.minute) }));
  }

  async minuteTrades(symbol: string, minute: EpochMs, fromId = 0): Promise<TradeRow[]> {
    return (this.rows("recent_trades") as unknown as TradeRow[])
      .filter((trade) =>
        trade.symbol === symbol && minuteOf(trade.trade_time) === minute && trade.trade_id >= fromId
      )
      .sort((a, b) => a.trade_id - b.trade_id);
  }

  async storedWindows(
    symbol: string,
    window: StoredWindow["window"],
    from: EpochMs,
    to: EpochMs,
  ): Promise<StoredWindow[]> {
    return [...this.#windows.values()]
      .filter((row) =>
        row.symbol === symbol && row.window === window && row.open_time >= from && row.open_time < to
      )
      .sort((a, b) => a.open_time - b.open_time);
  }

  async writeWindows(windows: StoredWindow[], done: DirtyMinute[]): Promise<void> {
    for (const { symbol, minute, mark } of done) {
      for (const [key, row] of this.#windows) {
        if (
          row.symbol === symbol && (row.window === "1s" || row.window === "1m") &&
          minuteOf(row.open_time) === minute
        ) this.#windows.delete(key);
      }
      const key = `${symbol} ${minute}`;
      if (this.#state.dirty.get(key)?.mark === mark) {
        this.#state.dirty.delete(key);
        this.#grown.written(symbol, minute);
      }
    }
    for (const row of windows) {
      const key = `${row.symbol} ${row.window} ${row.open_time}`;
      if (row.trade_count === 0) this.#windows.delete(key);
      else this.#windows.set(key, row);
    }
  }

  async recentPrices(withinMs: number, limit: number): Promise<SeenPrice[]> {
    const seen: SeenPrice[] = [];
    const from = (table: "latest_prices" | "recent_trades", time: string) => {
      const rows = this.rows(table).sort((a, b) => Number(a[time]) - Number(b[time]));
      const newest = new Map(rows.map((row) => [row.symbol, Number(row[time])]));
      for (const row of rows) {
        if (Number(row[time]) < newest.get(row.symbol)! - withinMs) continue;
        seen.push({
          symbol: row.symbol as string,
          price: row.price as string,
          time: row[time] as EpochMs,
        });
      }
    };
    from("latest_prices", "updated_at");
    from("recent_trades", "trade_time");
    return seen.slice(0, limit);
  }

  async replays(): Promise<Replay[]> {
    return [...this.#replays.values()].map((replay) => structuredClone(replay))
      .sort((a, b) => b.created_at - a.created_at);
  }

  async saveReplay(replay: Replay): Promise<void> {
    this.#replays.set(replay.id, structuredClone(replay));
  }

  async note(name: string): Promise<string | undefined> {
    return this.#notes.get(name);
  }

  async saveNote(name: string, text: string): Promise<void> {
    this.#notes.set(name, text);
  }

  async nextRevision(): Promise<number> {
    if (this.#revision >= 999) {
      throw new CandlewireError("store.revisions_exhausted", "Take a revision: all 999 are used", {
        retry: "operator",
      });
    }
    return ++this.#revision;
  }

  async prune(now: EpochMs, retention: Retention): Promise<{ removed: number; done: boolean }> {
    let removed = 0;
    for (const [key, { row }] of this.#state.rows) {
      const table = key.slice(0, key.indexOf(" ")) as TableName;
      const keep = retention[table];
      let time = row[TABLE_COLUMNS[table].time] as number;
      // Trades go by whole minutes, as the index that finds them.
      if (table === "recent_trades") time = minuteOf(time);
      const cutoff = table === "recent_trades" ? minuteOf(now - (keep ?? 0)) : now - (keep ?? 0);
      if (keep === null || time >= cutoff) continue;
      if (table === "recent_trades") {
        const mark = `${row.symbol} ${time}`;
        // Their windows are computed first.
        if (this.#state.dirty.has(mark) && time >= cutoff - WINDOW_GRACE_MS) continue;
        this.#state.dirty.delete(mark);
      }
      this.#state.rows.delete(key);
      removed++;
    }
    return { removed, done: true };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
