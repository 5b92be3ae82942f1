/**
 * The order book as the panel and the app's page show it: read from a frame or from the control API's answer, checked, grouped
 * and added up. Pure. Prices and quantities are decimal text; doubles are for the drawing only (I9).
 */
import { addDecimal } from '../../../../runtime/console/decimal.js';
import { compareDecimals } from '../../../../runtime/market/decimal.ts';
import { parseSide, topOfBook } from '../../../../runtime/query/book_levels.ts';
import type { Book } from '../../../../runtime/query/market_query.ts';
import type { BookMeta } from '../../datasource/frame_shape.ts';
import { exactText } from '../exact_text.ts';
import { fieldOf, foreignFrames, framesWith, numberAt, originOf, textAt, type FrameLike } from '../frame_reader.ts';
import { groupLevels, parseTick } from './grouping.ts';

/** What a frame must have to be a book; the text columns of BOOK_FIELDS are used where they are. */
export const BOOK_NEEDS = ['side', 'price', 'quantity'] as const;

export type Side = 'bid' | 'ask';
export type Level = readonly [price: string, quantity: string];

/** One book, sides best first. Null is: not told. */
export type BookSource = {
  symbol: string;
  bids: Level[];
  asks: Level[];
  /** I4: false while it is being rebuilt; null when a foreign frame does not say. */
  trusted: boolean | null;
  /** Levels a side to which it equals the exchange's book. */
  depth: number | null;
  lastUpdateId: number | null;
  /** Event time, epoch ms. */
  updatedAt: number | null;
  simulated: boolean;
  originLabel: string | null;
  /** False where prices come from doubles, without the exchange's text. */
  exact: boolean;
  /** Rows that are no levels: a side, price or quantity of them cannot be read. Default 0. */
  unread?: number;
};

/** One line of the ladder. */
export type LadderRow = { price: string; quantity: string; total: string; share: number };

/** A corner of the cumulative curve. */
export type DepthStep = { price: number; total: number };

/**
 * - `empty` no level at all
 * - `one_sided` one side has none
 * - `locked` best bid = best ask, `crossed` best bid > best ask: neither exists on an exchange that is trading
 */
export type BookShape = 'empty' | 'one_sided' | 'normal' | 'locked' | 'crossed';

/** What is drawn. */
export type BookModel = {
  shape: BookShape;
  bids: LadderRow[];
  asks: LadderRow[];
  bestBid: string | null;
  bestAsk: string | null;
  spread: string | null;
  mid: string | null;
  /** Spread in hundredths of a percent of the mid price. */
  spreadBp: number | null;
  /** Of all levels at hand, not only of the ladder's; from the best outwards. */
  curve: { bids: DepthStep[]; asks: DepthStep[] };
  /** Largest running total of the ladder's rows, for the bars. */
  most: number;
  /** Tick that grouped the levels, or null. */
  tick: string | null;
};

export type BookOptions = { levels: number; tick?: string };

/** A book from the control API's row; a problem in words when its text cannot be read. */
export function bookOfRow(row: Book, origin: { simulated: boolean; label: string | null }): BookSource | { problem: string } {
  const bids = parseSide(row.bids);
  const asks = parseSide(row.asks);
  if (typeof bids === 'string' || typeof asks === 'string') {
    return { problem: `The stored book of ${row.symbol} cannot be read: ${typeof bids === 'string' ? bids : asks}` };
  }
  return {
    symbol: row.symbol,
    bids,
    asks,
    trusted: row.trusted,
    depth: row.depth,
    lastUpdateId: row.last_update_id,
    updatedAt: row.updated_at,
    simulated: origin.simulated,
    originLabel: origin.label,
    exact: true,
  };
}

/** All books of a panel's frames, or why there is none. */
export function booksOfFrames(frames: readonly FrameLike[]): BookSource[] | { problem: string } {
  const books = framesWith(frames, BOOK_NEEDS);
  if (books.length === 0 && frames.length > 0) {
    return {
      problem: foreignFrames(frames, BOOK_NEEDS, 'an order book', 'Choose the kind “book” with the format “book” in the query.'),
    };
  }
  return books.map(bookOfFrame);
}

function bookOfFrame(frame: FrameLike): BookSource {
  const [side, price, quantity] = BOOK_NEEDS.map((name) => fieldOf(frame, name)!);
  const priceText = fieldOf(frame, 'price_text');
  const quantityText = fieldOf(frame, 'quantity_text');
  const sides: Record<Side, Level[]> = { bid: [], ask: [] };
  let unread = 0;
  for (let row = 0; row < frame.length; row++) {
    const name = sideOf(side.values[row]);
    const at = exactText(priceText?.values[row], price.values[row]) ?? exactText(price.values[row], null);
    const size = exactText(quantityText?.values[row], quantity.values[row]) ?? exactText(quantity.values[row], null);
    if (name === undefined || at === null || size === null) {
      unread += 1;
    } else {
      sides[name].push([at, size]);
    }
  }
  // Best first whatever the order of the rows: a foreign frame may have sorted them by price.
  sides.bid.sort((a, b) => compareDecimals(b[0], a[0]));
  sides.ask.sort((a, b) => compareDecimals(a[0], b[0]));
  const meta = (frame.meta?.custom ?? {}) as Partial<BookMeta>;
  const trusted = fieldOf(frame, 'trusted')?.values[0];
  const origin = originOf([frame]);
  return {
    symbol: meta.symbol ?? textAt(fieldOf(frame, 'symbol'), 0) ?? frame.name ?? '',
    bids: sides.bid,
    asks: sides.ask,
    trusted: typeof trusted === 'boolean' ? trusted : (meta.trusted ?? null),
    depth: meta.depth ?? null,
    lastUpdateId: numberAt(fieldOf(frame, 'last_update_id'), 0) ?? meta.lastUpdateId ?? null,
    updatedAt: numberAt(fieldOf(frame, 'updated_at'), 0) ?? meta.updatedAt ?? null,
    simulated: origin.simulated,
    originLabel: origin.label,
    exact: priceText !== undefined && quantityText !== undefined,
    unread,
  };
}

function sideOf(value: unknown): Side | undefined {
  const text = String(value).toLowerCase();
  return text === 'bid' || text === 'bids' || text === 'buy'
    ? 'bid'
    : text === 'ask' || text === 'asks' || text === 'sell'
      ? 'ask'
      : undefined;
}

/** What is drawn of a book. */
export function bookModel(book: BookSource, options: BookOptions): BookModel {
  // The top is the ungrouped book's: grouping moves prices outwards and would hide a cross.
  const top = topOfBook(book.bids as Array<[string, string]>, book.asks as Array<[string, string]>);
  const tick = parseTick(options.tick);
  const bids = tick === undefined ? book.bids : groupLevels(book.bids, 'bid', tick);
  const asks = tick === undefined ? book.asks : groupLevels(book.asks, 'ask', tick);
  const levels = Math.max(1, Math.floor(options.levels));
  const bidRows = ladderRows(bids, levels);
  const askRows = ladderRows(asks, levels);
  const bp = top.spread === null || top.mid === null ? null : (Number(top.spread) / Number(top.mid)) * 10_000;
  return {
    shape: shapeOf(top.best_bid, top.best_ask),
    bids: bidRows,
    asks: askRows,
    bestBid: top.best_bid,
    bestAsk: top.best_ask,
    spread: top.spread,
    mid: top.mid,
    spreadBp: bp !== null && Number.isFinite(bp) ? bp : null,
    curve: { bids: depthSteps(bids), asks: depthSteps(asks) },
    most: Math.max(bidRows[bidRows.length - 1]?.share ?? 0, askRows[askRows.length - 1]?.share ?? 0, Number.EPSILON),
    tick: tick ?? null,
  };
}

function shapeOf(bid: string | null, ask: string | null): BookShape {
  if (bid === null || ask === null) {
    return bid === ask ? 'empty' : 'one_sided';
  }
  const order = compareDecimals(bid, ask);
  return order < 0 ? 'normal' : order === 0 ? 'locked' : 'crossed';
}

function ladderRows(levels: readonly Level[], most: number): LadderRow[] {
  let total = '0';
  return levels.slice(0, most).map(([price, quantity]) => {
    total = addDecimal(total, quantity) ?? total;
    return { price, quantity, total, share: Number(total) };
  });
}

function depthSteps(levels: readonly Level[]): DepthStep[] {
  let total = 0;
  return levels.map(([price, quantity]) => {
    total += Number(quantity);
    return { price: Number(price), total };
  });
}
