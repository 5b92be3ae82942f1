import type { Book, BookLevel, Ticker, WindowRow } from "../../../runtime/query/market_query.ts";
import type { KlineRow, PriceRow, TradeRow } from "../../../runtime/market/table.ts";
import { column, double } from "./columns.ts";

/** Doubles for drawing, the exact text beside each (I9). */
function money<Row>(name: string, of: (row: Row) => string | null) {
  return column<Row, "number">(name, "number", (row) => double(of(row)));
}

function exact<Row>(name: string, of: (row: Row) => string | null) {
  return column<Row, "text">(`${name}_text`, "text", of);
}

/** Kind `tickers`. */
export const TICKERS = [
  column<Ticker, "text">("symbol", "text", (row) => row.symbol),
  money<Ticker>("last_price", (row) => row.last_price),
  column<Ticker, "number">("price_change_percent", "number", (row) => double(row.price_change_percent), {
    unit: "percent",
  }),
  money<Ticker>("high_price", (row) => row.high_price),
  money<Ticker>("low_price", (row) => row.low_price),
  money<Ticker>("volume", (row) => row.volume),
  money<Ticker>("quote_volume", (row) => row.quote_volume),
  money<Ticker>("quote_volume_usdt", (row) => row.quote_volume_usdt),
  column<Ticker, "integer">("trade_count", "integer", (row) => row.trade_count),
  column<Ticker, "text">("quote_asset", "text", (row) => row.quote_asset),
  column<Ticker, "time">("updated_at", "time", (row) => row.updated_at),
  exact<Ticker>("last_price", (row) => row.last_price),
  exact<Ticker>("price_change_percent", (row) => row.price_change_percent),
  exact<Ticker>("high_price", (row) => row.high_price),
  exact<Ticker>("low_price", (row) => row.low_price),
  exact<Ticker>("volume", (row) => row.volume),
  exact<Ticker>("quote_volume", (row) => row.quote_volume),
  exact<Ticker>("quote_volume_usdt", (row) => row.quote_volume_usdt),
];

/** Kind `prices`. */
export const PRICES = [
  column<PriceRow, "time">("time", "time", (row) => row.updated_at),
  column<PriceRow, "text">("symbol", "text", (row) => row.symbol),
  money<PriceRow>("price", (row) => row.price),
  exact<PriceRow>("price", (row) => row.price),
];

/** Kind `klines`, as a table; names of the store. */
export const KLINES = [
  column<KlineRow, "time">("time", "time", (row) => row.open_time),
  column<KlineRow, "text">("symbol", "text", (row) => row.symbol),
  money<KlineRow>("open_price", (row) => row.open_price),
  money<KlineRow>("high_price", (row) => row.high_price),
  money<KlineRow>("low_price", (row) => row.low_price),
  money<KlineRow>("close_price", (row) => row.close_price),
  money<KlineRow>("volume", (row) => row.volume),
  money<KlineRow>("quote_volume", (row) => row.quote_volume),
  column<KlineRow, "integer">("number_of_trades", "integer", (row) => row.number_of_trades),
  column<KlineRow, "bool">("closed", "bool", (row) => row.closed),
  column<KlineRow, "bool">("backfill", "bool", (row) => row.backfill),
  column<KlineRow, "time">("close_time", "time", (row) => row.close_time),
  exact<KlineRow>("open_price", (row) => row.open_price),
  exact<KlineRow>("high_price", (row) => row.high_price),
  exact<KlineRow>("low_price", (row) => row.low_price),
  exact<KlineRow>("close_price", (row) => row.close_price),
  exact<KlineRow>("volume", (row) => row.volume),
  exact<KlineRow>("quote_volume", (row) => row.quote_volume),
];

/** Kind `klines`, format `candles`: names by which Grafana's candlestick panel finds them (CANDLE_FIELDS). */
export const CANDLES = [
  column<KlineRow, "time">("time", "time", (row) => row.open_time),
  money<KlineRow>("open", (row) => row.open_price),
  money<KlineRow>("high", (row) => row.high_price),
  money<KlineRow>("low", (row) => row.low_price),
  money<KlineRow>("close", (row) => row.close_price),
  money<KlineRow>("volume", (row) => row.volume),
  column<KlineRow, "integer">("number_of_trades", "integer", (row) => row.number_of_trades),
  column<KlineRow, "bool">("closed", "bool", (row) => row.closed),
  column<KlineRow, "bool">("backfill", "bool", (row) => row.backfill),
];

/** Kind `trades` (TRADE_FIELDS). */
export const TRADES = [
  column<TradeRow, "time">("time", "time", (row) => row.trade_time),
  column<TradeRow, "text">("symbol", "text", (row) => row.symbol),
  column<TradeRow, "integer">("trade_id", "integer", (row) => row.trade_id),
  money<TradeRow>("price", (row) => row.price),
  money<TradeRow>("quantity", (row) => row.quantity),
  column<TradeRow, "bool">("is_buyer_maker", "bool", (row) => row.is_buyer_maker),
  column<TradeRow, "bool">("backfill", "bool", (row) => row.backfill),
  exact<TradeRow>("price", (row) => row.price),
  exact<TradeRow>("quantity", (row) => row.quantity),
];

/** Kind `aggregates`. */
export const WINDOWS = [
  column<WindowRow, "time">("time", "time", (row) => row.open_time),
  column<WindowRow, "text">("symbol", "text", (row) => row.symbol),
  column<WindowRow, "text">("window", "text", (row) => row.window),
  column<WindowRow, "integer">("trade_count", "integer", (row) => row.trade_count),
  money<WindowRow>("volume", (row) => row.volume),
  money<WindowRow>("quote_volume", (row) => row.quote_volume),
  money<WindowRow>("vwap", (row) => row.vwap),
  column<WindowRow, "number">("realised_volatility", "number", (row) => row.realised_volatility),
  column<WindowRow, "integer">("first_trade_id", "integer", (row) => row.first_trade_id),
  column<WindowRow, "integer">("last_trade_id", "integer", (row) => row.last_trade_id),
  exact<WindowRow>("volume", (row) => row.volume),
  exact<WindowRow>("quote_volume", (row) => row.quote_volume),
  exact<WindowRow>("vwap", (row) => row.vwap),
];

/** A level of a book with the book's state, which is the same in every row (BOOK_STATE_FIELDS). */
export type LevelOfBook = BookLevel & Pick<Book, "trusted" | "last_update_id" | "updated_at">;

/** Kind `book`, format `book`: one row a level (BOOK_FIELDS, BOOK_STATE_FIELDS). */
export const LEVELS = [
  column<LevelOfBook, "text">("side", "text", (level) => level.side),
  column<LevelOfBook, "integer">("level", "integer", (level) => level.level),
  money<LevelOfBook>("price", (level) => level.price),
  money<LevelOfBook>("quantity", (level) => level.quantity),
  exact<LevelOfBook>("price", (level) => level.price),
  exact<LevelOfBook>("quantity", (level) => level.quantity),
  column<LevelOfBook, "bool">("trusted", "bool", (level) => level.trusted),
  column<LevelOfBook, "integer">("last_update_id", "integer", (level) => level.last_update_id),
  column<LevelOfBook, "time">("updated_at", "time", (level) => level.updated_at),
];

/** Kind `book`, format `table`: one row a book. `untrusted` is 1 or 0, for alert rules know numbers only. */
export const BOOKS = [
  column<Book, "text">("symbol", "text", (book) => book.symbol),
  money<Book>("best_bid", (book) => book.best_bid),
  money<Book>("best_ask", (book) => book.best_ask),
  money<Book>("spread", (book) => book.spread),
  money<Book>("mid", (book) => book.mid),
  column<Book, "bool">("trusted", "bool", (book) => book.trusted),
  column<Book, "integer">("untrusted", "integer", (book) => book.trusted ? 0 : 1),
  column<Book, "integer">("depth", "integer", (book) => book.depth),
  column<Book, "integer">("last_update_id", "integer", (book) => book.last_update_id),
  column<Book, "time">("updated_at", "time", (book) => book.updated_at),
  exact<Book>("best_bid", (book) => book.best_bid),
  exact<Book>("best_ask", (book) => book.best_ask),
  exact<Book>("spread", (book) => book.spread),
  exact<Book>("mid", (book) => book.mid),
];
