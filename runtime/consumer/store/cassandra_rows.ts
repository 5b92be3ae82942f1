import type {
  BookRow,
  CompletenessRow,
  KlineRow,
  PriceRow,
  StatsRow,
  TableName,
  TradeRow,
} from "../../market/table.ts";
import { TABLE_COLUMNS } from "../table_columns.ts";
import type { BookEnrichment, Change } from "../transform/transform.ts";
import type { CassandraFrame } from "./cassandra_frame.ts";
import type { Statements } from "./cassandra_statements.ts";
import type { Retention } from "./market_store.ts";

/** Twenty years: the longest time to live that Cassandra takes, s. */
const LONGEST_TTL_S = 630_720_000;
/** The latest end of a life that every version of Cassandra takes as it is installed: 2038-01-19T03:14:06Z, epoch s. */
const LATEST_END_S = 2 ** 31 - 2;
const NO_ENRICHMENT: BookEnrichment = { best_bid: null, best_ask: null, spread: null, mid: null };
const UTF8 = new TextEncoder();
const BID = UTF8.encode("bid");
const ASK = UTF8.encode("ask");

/** Time to live of a row, s: what its retention leaves of it. 0 keeps it for ever, also where that is longer than can be said. */
export function ttlOf(keepMs: number | null, eventTime: number, now: number): number {
  if (keepMs === null) return 0;
  const clock = Date.now();
  // What has just expired must not be kept for ever. `steadyClock` stays ahead after the wall clock was for a moment:
  // that must not shorten lives.
  const ttl = Math.max(1, Math.ceil((keepMs - (Math.min(now, clock) - eventTime)) / 1000));
  // A life that Cassandra refuses would make a dead letter of every row. A minute, for its clock may be ahead of ours.
  return ttl > LONGEST_TTL_S || ttl > LATEST_END_S - 60 - clock / 1000 ? 0 : ttl;
}

/** Encodes the changes of one symbol into a frame; see schema/cassandra for what is written where. */
export class CassandraRows {
  readonly #frame: CassandraFrame;
  readonly #of: Statements;
  readonly #retention: Retention;
  readonly #levels: number;

  /** `levels`: how many of the newest book's levels a side go to order_book_levels. */
  constructor(
    frame: CassandraFrame,
    statements: Statements,
    options: { retention: Retention; levels: number },
  ) {
    this.#frame = frame;
    this.#of = statements;
    this.#retention = options.retention;
    this.#levels = options.levels;
  }

  /** `newestBook` says that no later book of the symbol is in the batch. */
  change(symbol: Uint8Array, change: Change, now: number, newestBook: boolean): void {
    if (change.kind === "delete") return this.#delete(symbol, change);
    const { table, row, version } = change;
    const time = (row as unknown as Record<string, number>)[TABLE_COLUMNS[table].time]!;
    const ttl = ttlOf(this.#retention[table], time, now);
    switch (table) {
      case "recent_trades":
        return this.trade(symbol, row as TradeRow, version, ttl);
      case "latest_prices":
        return this.#price(symbol, row as PriceRow, version, ttl);
      case "order_book":
        this.#book(symbol, row as BookRow, change.enrichment ?? NO_ENRICHMENT, version, ttl);
        if (newestBook && this.#levels > 0) this.#flatten(symbol, row as BookRow, version, ttl);
        return;
      case "klines":
        return this.#kline(symbol, row as KlineRow, version, ttl);
      case "crypto_24h_stats":
        return this.#stats(symbol, row as StatsRow, version, ttl);
      case "completeness":
        return this.#completeness(symbol, row as CompletenessRow, version, ttl);
      default:
        table satisfies never;
    }
  }

  trade(symbol: Uint8Array, row: TradeRow, version: number, ttl: number): void {
    const frame = this.#frame;
    frame.begin(this.#of.trade);
    frame.bytes(symbol);
    frame.long(row.trade_id, "trade_id");
    frame.decimal(row.price, "price");
    frame.decimal(row.quantity, "quantity");
    frame.long(row.trade_time, "trade_time");
    frame.boolean(row.is_buyer_maker, "is_buyer_maker");
    this.#end(version, ttl);
    if (!row.backfill) return;
    frame.begin(this.#of.tradeMark);
    frame.bytes(symbol);
    frame.long(row.trade_id, "trade_id");
    frame.long(version, "version");
    this.#end(version, ttl);
  }

  #price(symbol: Uint8Array, row: PriceRow, version: number, ttl: number): void {
    const frame = this.#frame;
    frame.begin(this.#of.price);
    frame.bytes(symbol);
    frame.decimal(row.price, "price");
    frame.long(row.updated_at, "updated_at");
    this.#end(version, ttl);
    frame.begin(this.#of.priceMark);
    frame.bytes(symbol);
    frame.long(row.updated_at, "updated_at");
    frame.long(row.last_trade_id, "last_trade_id");
    frame.long(version, "version");
    this.#end(version, ttl);
  }

  #kline(symbol: Uint8Array, row: KlineRow, version: number, ttl: number): void {
    const frame = this.#frame;
    frame.begin(this.#of.kline);
    frame.bytes(symbol);
    frame.long(row.open_time, "open_time");
    frame.decimal(row.open_price, "open_price");
    frame.decimal(row.high_price, "high_price");
    frame.decimal(row.low_price, "low_price");
    frame.decimal(row.close_price, "close_price");
    frame.decimal(row.volume, "volume");
    frame.int(row.number_of_trades, "number_of_trades");
    this.#end(version, ttl);
    frame.begin(this.#of.klineMark);
    frame.bytes(symbol);
    frame.long(row.open_time, "open_time");
    frame.long(row.close_time, "close_time");
    frame.text(row.volume, "volume");
    frame.decimal(row.quote_volume, "quote_volume");
    frame.text(row.quote_volume, "quote_volume");
    frame.long(row.first_trade_id, "first_trade_id");
    frame.long(row.last_trade_id, "last_trade_id");
    frame.boolean(row.closed, "closed");
    frame.boolean(row.backfill, "backfill");
    frame.long(version, "version");
    this.#end(version, ttl);
  }

  #book(symbol: Uint8Array, row: BookRow, top: BookEnrichment, version: number, ttl: number): void {
    const frame = this.#frame;
    frame.begin(this.#of.book);
    frame.bytes(symbol);
    frame.text(row.bids, "bids");
    frame.text(row.asks, "asks");
    frame.long(row.updated_at, "updated_at");
    this.#end(version, ttl);
    frame.begin(this.#of.bookMark);
    frame.bytes(symbol);
    frame.long(row.updated_at, "updated_at");
    frame.int(row.depth, "depth");
    frame.long(row.last_update_id, "last_update_id");
    frame.boolean(row.trusted, "trusted");
    frame.text(top.best_bid, "best_bid");
    frame.text(top.best_ask, "best_ask");
    frame.text(top.spread, "spread");
    frame.text(top.mid, "mid");
    frame.long(version, "version");
    this.#end(version, ttl);
  }

  /**
   * The best levels, overwritten in place at the book's version: the newest book wins, whatever the order (I2), because
   * each book either writes a level or deletes it.
   */
  #flatten(symbol: Uint8Array, row: BookRow, version: number, ttl: number): void {
    const frame = this.#frame;
    for (const [side, name, text] of [["bids", BID, row.bids], ["asks", ASK, row.asks]] as const) {
      const levels = levelsOf(text);
      // Without the transform `enrich` nothing has looked at the text yet; the whole book is stored all the same.
      if (levels === undefined) continue;
      const count = Math.min(levels.length, this.#levels);
      for (let at = 0; at < count; at++) {
        const price = Number(levels[at]![0]);
        const quantity = Number(levels[at]![1]);
        frame.begin(this.#of.level);
        frame.bytes(symbol);
        frame.bytes(name);
        frame.int(at + 1, "level");
        frame.double(price, side);
        frame.double(quantity, side);
        frame.double(price * quantity, side);
        frame.boolean(row.trusted, "trusted");
        frame.long(row.updated_at, "updated_at");
        this.#end(version, ttl);
      }
      if (count === this.#levels) continue;
      frame.begin(this.#of.levelsBeyond);
      frame.long(version, "version");
      frame.bytes(symbol);
      frame.bytes(name);
      frame.int(count, "level");
    }
  }

  #stats(symbol: Uint8Array, row: StatsRow, version: number, ttl: number): void {
    const frame = this.#frame;
    frame.begin(this.#of.stats);
    frame.bytes(symbol);
    for (const name of STATS_MONEY) frame.decimal(row[name], name);
    frame.long(row.updated_at, "updated_at");
    this.#end(version, ttl);
    frame.begin(this.#of.statsMark);
    frame.bytes(symbol);
    for (const name of STATS_MONEY) frame.text(row[name], name);
    frame.long(row.trade_count, "trade_count");
    frame.long(row.last_trade_id, "last_trade_id");
    frame.text(row.quote_asset ?? null, "quote_asset");
    frame.long(row.updated_at, "updated_at");
    frame.long(version, "version");
    this.#end(version, ttl);
  }

  #completeness(symbol: Uint8Array, row: CompletenessRow, version: number, ttl: number): void {
    const frame = this.#frame;
    frame.begin(this.#of.completeness);
    frame.bytes(symbol);
    frame.text(row.kind, "kind");
    frame.long(row.first_id, "first_id");
    frame.long(row.last_id, "last_id");
    frame.text(row.cause, "cause");
    frame.text(row.state, "state");
    frame.long(row.detected_at, "detected_at");
    frame.long(row.updated_at, "updated_at");
    frame.long(version, "version");
    this.#end(version, ttl);
  }

  /** A deletion at the row's own version, of the row and of its marks; it wins over an upsert of an equal one. */
  #delete(symbol: Uint8Array, { table, row, version }: Change): void {
    const names = DELETIONS[table];
    const key = row as unknown as Record<string, string | number>;
    for (const name of names) {
      this.#frame.begin(this.#of[name]);
      this.#frame.long(version, "version");
      this.#frame.bytes(symbol);
      if (name === "levelsGone") continue;
      for (const column of TABLE_COLUMNS[table].key.slice(1)) {
        const value = key[column];
        if (column === "kind") this.#frame.text(value as string, column);
        else this.#frame.long(value as number, column);
      }
    }
  }

  #end(version: number, ttl: number): void {
    this.#frame.long(version, "version");
    this.#frame.int(ttl, "time to live");
  }
}

const STATS_MONEY = [
  "price_change_percent",
  "last_price",
  "high_price",
  "low_price",
  "volume",
  "quote_volume",
] as const;

const DELETIONS: Record<TableName, readonly (keyof Statements)[]> = {
  crypto_24h_stats: ["statsGone", "statsMarkGone"],
  latest_prices: ["priceGone", "priceMarkGone"],
  klines: ["klineGone", "klineMarkGone"],
  order_book: ["bookGone", "bookMarkGone", "levelsGone"],
  // A mark that is left behind counts only for the version that it names.
  recent_trades: ["tradeGone"],
  completeness: ["completenessGone"],
};

function levelsOf(text: string): [string, string][] | undefined {
  try {
    const levels: unknown = JSON.parse(text);
    const sound = Array.isArray(levels) &&
      levels.every((level) =>
        Array.isArray(level) && Number.isFinite(Number(level[0])) && Number.isFinite(Number(level[1]))
      );
    return sound ? levels as [string, string][] : undefined;
  } catch {
    return undefined;
  }
}
