import { CandleSeries } from "./candle_series.ts";
import type { FeedSymbol } from "./feed.ts";
import { FixedText } from "./fixed_text.ts";
import type { ExchangeBookTicker } from "./market.ts";
import { BookSpool } from "./spool_books.ts";
import type { SpoolFile } from "./spool_file.ts";
import type { ReleasableKinds } from "./spool_retention.ts";
import { TradeSpool } from "./spool_trades.ts";
import { TickerSeries } from "./ticker_series.ts";

/** All that is kept of one symbol. */
export type SymbolSpool = {
  symbol: string;
  price: FixedText;
  quantity: FixedText;
  trades: TradeSpool;
  books: BookSpool;
  candles: CandleSeries;
  tickers: TickerSeries;
  /** The best bid and ask as last told. */
  best: ExchangeBookTicker | undefined;
  /** Every file of it, always in this order. */
  files: readonly SpoolFile[];
  /** What may go when the disk's share is used up. */
  releasable: ReleasableKinds;
};

/** Opens the files of a feed's `number`-th symbol in a folder, at whatever length they have. */
export function openSymbolSpool(folder: string, symbol: FeedSymbol, number: number): SymbolSpool {
  const { info, priceScale, quantityScale } = symbol;
  const texts = { price: new FixedText(priceScale), quantity: new FixedText(quantityScale) };
  const trades = new TradeSpool(folder, info.symbol, number, texts);
  const books = new BookSpool(folder, info.symbol, number, texts);
  const parts = { symbol: info.symbol, trades, ...texts, priceScale, quantityScale };
  const candles = new CandleSeries(folder, number, parts);
  const tickers = new TickerSeries({ ...parts, candles });
  return {
    symbol: info.symbol,
    ...texts,
    trades,
    books,
    candles,
    tickers,
    best: undefined,
    files: [...trades.files, ...books.files, ...candles.files],
    releasable: {
      candles: candles.releasable,
      books: books.releasable,
      trades: [tickers.releasableTrades],
    },
  };
}

/** Price, quantity, price, quantity, … as pairs of text. */
export function levelTexts(
  pairs: readonly number[],
  texts: { price: FixedText; quantity: FixedText },
): [string, string][] {
  const out = new Array<[string, string]>(pairs.length / 2);
  for (let i = 0; i < out.length; i++) {
    out[i] = [texts.price.of(pairs[2 * i]!), texts.quantity.of(pairs[2 * i + 1]!)];
  }
  return out;
}
