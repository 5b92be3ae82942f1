import { Buffer } from "node:buffer";
import { CandlewireError, errorText } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import { type TableName, TABLES, type TradeRow } from "../../market/table.ts";
import type { Change } from "../transform/transform.ts";
import type { CassandraFrame } from "./cassandra_frame.ts";
import type { CassandraRows } from "./cassandra_rows.ts";
import type { Mutation } from "./cassandra_sender.ts";
import type { CassandraTracks } from "./cassandra_tracks.ts";
import { minuteOf } from "./trade_runs.ts";

/** Of one mutation, at most: more make a replica's pauses longer, and win nothing. */
const BATCH_STATEMENTS = 128;
const BATCH_BYTES = 64 * 1024;
/** Symbols whose bytes are remembered. */
const REMEMBERED = 10_000;

/** The changes of one symbol of a batch. */
type Group = { symbol: Buffer; trades: Change<"recent_trades">[]; others: Change[]; sorted: boolean };

type Parts = {
  rows: CassandraRows;
  tracks: CassandraTracks;
  /** The driver's number of a table's level of consistency. */
  levelOf: (table: TableName) => number;
};

/** Makes mutations of changes: those of one symbol and one level together, whatever their tables. */
export class CassandraBatches {
  readonly #frame: CassandraFrame;
  readonly #rows: CassandraRows;
  readonly #tracks: CassandraTracks;
  readonly #levelOf: Record<TableName, number>;
  /** The levels in use, each with mutations of its own. */
  readonly #levels: readonly number[];
  readonly #symbols = new Map<string, Buffer>();

  constructor(frame: CassandraFrame, { rows, tracks, levelOf }: Parts) {
    this.#frame = frame;
    this.#rows = rows;
    this.#tracks = tracks;
    this.#levelOf = Object.fromEntries(TABLES.map((table) => [table, levelOf(table)])) as Record<
      TableName,
      number
    >;
    this.#levels = [...new Set(Object.values(this.#levelOf))];
  }

  /** All statements of the changes, in mutations of one symbol and one level each. */
  encode(changes: readonly Change[], at: EpochMs, tracked: boolean): Mutation[] {
    const mutations: Mutation[] = [];
    const frame = this.#frame;
    frame.clear();
    try {
      for (const group of this.#group(changes).values()) {
        for (const level of this.#levels) this.#encodeGroup(group, { level, at, tracked, mutations });
      }
      return mutations;
    } catch (error) {
      frame.clear();
      this.#tracks.take();
      // Nothing but the rows can be at fault here.
      throw error instanceof CandlewireError
        ? error
        : new CandlewireError("store.bad_row", `Encode a batch: ${errorText(error)}`, { cause: error });
    }
  }

  #encodeGroup(
    { symbol, trades, others }: Group,
    { level, at, tracked, mutations }: {
      level: number;
      at: EpochMs;
      tracked: boolean;
      mutations: Mutation[];
    },
  ): void {
    const frame = this.#frame;
    const cut = () => {
      if (frame.statements > 0) {
        mutations.push({ frame: frame.take(level), consistency: level, routingKey: symbol });
      }
    };
    const cutWhenFull = () => {
      if (frame.statements >= BATCH_STATEMENTS || frame.length >= BATCH_BYTES) cut();
    };
    const tradesHere = this.#levelOf.recent_trades === level;
    const newestBook = others.length === 0 ? undefined : newestBookOf(others);
    for (const change of others) {
      if (this.#levelOf[change.table] !== level) continue;
      this.#rows.change(symbol, change, at, change === newestBook);
      if (tracked && change.table === "recent_trades") this.#markDeleted(symbol, change.row as TradeRow, at);
      cutWhenFull();
    }
    if (tradesHere && trades.length > 0) {
      for (const trade of trades) {
        this.#rows.change(symbol, trade as unknown as Change, at, false);
        cutWhenFull();
      }
      if (tracked) this.#tracks.trades(symbol, trades, at);
    }
    cut();
  }

  /** A trade was deleted: the windows of its minute tell of one too many. */
  #markDeleted(symbol: Buffer, row: TradeRow, at: EpochMs): void {
    if (Number.isSafeInteger(row.trade_time)) {
      this.#tracks.mark(symbol, row.symbol, minuteOf(row.trade_time), at);
    }
  }

  #group(changes: readonly Change[]): Map<string, Group> {
    const groups = new Map<string, Group>();
    for (const change of changes) {
      const { symbol } = change.row;
      let group = groups.get(symbol);
      if (group === undefined) {
        group = { symbol: this.#symbol(symbol), trades: [], others: [], sorted: true };
        groups.set(symbol, group);
      }
      if (change.table !== "recent_trades" || change.kind === "delete") {
        group.others.push(change);
        continue;
      }
      const trade = change as unknown as Change<"recent_trades">;
      const last = group.trades.at(-1);
      if (last !== undefined && last.row.trade_id > trade.row.trade_id) group.sorted = false;
      group.trades.push(trade);
    }
    for (const group of groups.values()) {
      if (!group.sorted) group.trades.sort((a, b) => a.row.trade_id - b.row.trade_id);
    }
    return groups;
  }

  #symbol(symbol: string): Buffer {
    let bytes = this.#symbols.get(symbol);
    if (bytes === undefined) {
      if (typeof symbol !== "string" || symbol === "" || symbol.length > 10_000) {
        throw new CandlewireError(
          "store.bad_row",
          `Store a row: symbol is ${JSON.stringify(symbol)?.slice(0, 80)}`,
        );
      }
      if (this.#symbols.size >= REMEMBERED) this.#symbols.clear();
      this.#symbols.set(symbol, bytes = Buffer.from(symbol));
    }
    return bytes;
  }
}

function newestBookOf(changes: readonly Change[]): Change | undefined {
  let newest: Change | undefined;
  for (const change of changes) {
    if (change.table !== "order_book" || change.kind === "delete") continue;
    if (newest === undefined || change.version >= newest.version) newest = change;
  }
  return newest;
}
