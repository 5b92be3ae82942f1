/**
 * The trades behind a tape: bounded, without doubles, in order, filtered as they come. Pure and mutable: a tape at a thousand
 * trades a second is appended to in place; whoever draws asks for the rows that are visible.
 */
import type { TradeRow } from '../../../../runtime/market/table.ts';
import { exactText } from '../exact_text.ts';
import { fieldOf, foreignFrames, framesWith, type FrameLike } from '../frame_reader.ts';
import { passes, type TapeFilter } from './tape_filter.ts';

/** What a frame must have to be trades; the other TRADE_FIELDS are used where they are. */
export const TRADE_NEEDS = ['time', 'trade_id', 'price', 'quantity'] as const;

/** One trade of the tape. */
export type TapeTrade = {
  symbol: string;
  id: number;
  /** Epoch ms. */
  time: number;
  /** Doubles, for comparing with the filter only. */
  price: number;
  quantity: number;
  /** The exchange's text (I9). */
  priceText: string;
  quantityText: string;
  /** True: the seller took; the price went to the bid. Null when not told. */
  isBuyerMaker: boolean | null;
  /** Came by REST after a gap. */
  backfill: boolean;
};

/** Trades that are not here: a hole in the ids between the one before and the one after. */
export type TapeHole = {
  symbol: string;
  /** Half below the id of the trade after it, whose time it has too: it stands right before that. */
  id: number;
  time: number;
  /** How many. */
  missing: number;
};

/** A line of the tape. */
export type TapeEntry = TapeTrade | TapeHole;

/** True when the line stands for trades that are not here. */
export function isHole(entry: TapeEntry): entry is TapeHole {
  return 'missing' in entry;
}

/** How many of the lines are trades. */
export function countTrades(entries: readonly TapeEntry[]): number {
  let holes = 0;
  for (const entry of entries) {
    holes += isHole(entry) ? 1 : 0;
  }
  return entries.length - holes;
}

export type TapeOptions = {
  /** How many trades a tape keeps at most (I10). */
  capacity: number;
  filter: TapeFilter;
  /** A symbol's ids follow one another, as the exchange gives them: where some are not here, a hole says how many. Default false. */
  everyId?: boolean;
};

/** Why none of the frames has trades, or undefined when one has or there is no frame. */
export function tradesProblem(frames: readonly FrameLike[]): string | undefined {
  return frames.length > 0 && framesWith(frames, TRADE_NEEDS).length === 0
    ? foreignFrames(frames, TRADE_NEEDS, 'a list of trades', 'Choose the kind “trades” with the format “table” in the query.')
    : undefined;
}

/** Newest trades of one or several symbols, oldest first. */
export class TapeBuffer {
  #trades: TapeEntry[] = [];
  /** Those that pass the filter, in the same order; holes always do. */
  #shown: TapeEntry[] = [];
  #everyId: boolean;
  #ids = new Map<string, Set<number>>();
  #capacity: number;
  #filter: TapeFilter;
  #listeners = new Set<() => void>();
  /** Newest time of what fell out: whatever is as old comes too late, or a frame that still holds it would bring it back. */
  #floor = -Infinity;
  /** Trades ever taken in, repeats left out. */
  total = 0;
  /** Counts changes; equal numbers mean equal rows. */
  version = 0;
  /** Counts other filters, sizes and questions: rows that were taken before belong to another tape. */
  epoch = 0;

  constructor(options: TapeOptions) {
    this.#capacity = options.capacity;
    this.#filter = options.filter;
    this.#everyId = options.everyId ?? false;
  }

  /** Trades that pass the filter and holes, oldest first. Not to be changed, and valid until the next change only. */
  get shown(): readonly TapeEntry[] {
    return this.#shown;
  }

  /** Trades kept, whether they pass the filter or not. */
  get size(): number {
    return countTrades(this.#trades);
  }

  /** Calls `listener` after each change; the returned function ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes in the trades of a panel's frames. Frames may repeat what is known (I2). */
  addFrames(frames: readonly FrameLike[]): void {
    const trades = framesWith(frames, TRADE_NEEDS);
    let added = 0;
    for (const frame of trades) {
      added += this.#addFrame(frame);
    }
    this.#changed(added);
  }

  /** Takes in rows of the control API, in any order, repeated or not (I2). */
  addRows(rows: readonly TradeRow[]): void {
    let added = 0;
    for (const row of rows) {
      const known = this.#idsOf(row.symbol);
      if (known.has(row.trade_id) || row.trade_time <= this.#floor) {
        continue;
      }
      known.add(row.trade_id);
      added += 1;
      this.#insert({
        symbol: row.symbol,
        id: row.trade_id,
        time: row.trade_time,
        price: Number(row.price),
        quantity: Number(row.quantity),
        priceText: row.price,
        quantityText: row.quantity,
        isBuyerMaker: row.is_buyer_maker,
        backfill: row.backfill,
      });
    }
    this.#changed(added);
  }

  /** Other filters or another size; the rows are chosen anew. */
  configure(options: TapeOptions): void {
    if (options.capacity > this.#capacity) {
      this.#floor = -Infinity;
    }
    this.#capacity = options.capacity;
    this.#filter = options.filter;
    this.#cut(true);
    if (this.#everyId !== (options.everyId ?? false)) {
      this.#everyId = !this.#everyId;
      this.#trades = this.#everyId ? withHoles(this.#trades) : this.#trades.filter((entry) => !isHole(entry));
    }
    this.#shown = this.#trades.filter((entry) => isHole(entry) || passes(entry, this.#filter));
    this.epoch += 1;
    this.#notify();
  }

  /** Forgets everything, for another symbol or time range. */
  clear(): void {
    this.#trades = [];
    this.#shown = [];
    this.#ids = new Map();
    this.#floor = -Infinity;
    this.total = 0;
    this.epoch += 1;
    this.#notify();
  }

  #addFrame(frame: FrameLike): number {
    const [times, ids, prices, quantities] = TRADE_NEEDS.map((name) => fieldOf(frame, name)!.values);
    const symbols = fieldOf(frame, 'symbol')?.values;
    const makers = fieldOf(frame, 'is_buyer_maker')?.values;
    const backfills = fieldOf(frame, 'backfill')?.values;
    const priceTexts = fieldOf(frame, 'price_text')?.values;
    const quantityTexts = fieldOf(frame, 'quantity_text')?.values;
    let added = 0;
    let symbol = '';
    let known: Set<number> | undefined;
    // Rows beyond the capacity would fall out at once. A stream gives its whole buffer again and again: nearly every row is known,
    // and this loop decides what a frame costs.
    for (let row = Math.max(0, frame.length - this.#capacity); row < frame.length; row++) {
      const id = Number(ids[row]);
      const next = symbols === undefined ? frame.name : symbols[row];
      if (known === undefined || next !== symbol) {
        symbol = String(next ?? '');
        known = this.#idsOf(symbol);
      }
      const time = Number(times[row]);
      if (known.has(id) || time <= this.#floor || !Number.isFinite(id)) {
        continue;
      }
      known.add(id);
      const price = Number(prices[row]);
      const quantity = Number(quantities[row]);
      const maker = makers?.[row];
      added += 1;
      this.#insert({
        symbol,
        id,
        time,
        price,
        quantity,
        priceText: exactText(priceTexts?.[row], price) ?? '–',
        quantityText: exactText(quantityTexts?.[row], quantity) ?? '–',
        isBuyerMaker: typeof maker === 'boolean' ? maker : null,
        backfill: backfills?.[row] === true,
      });
    }
    return added;
  }

  #idsOf(symbol: string): Set<number> {
    let ids = this.#ids.get(symbol);
    if (ids === undefined) {
      ids = new Set();
      this.#ids.set(symbol, ids);
    }
    return ids;
  }

  #insert(trade: TapeTrade): void {
    const at = insertInOrder(this.#trades, trade);
    if (passes(trade, this.#filter)) {
      insertInOrder(this.#shown, trade);
    }
    if (this.#everyId) {
      this.#mendHoles(trade, at);
    }
  }

  /** The hole that a trade lies in is divided by it, and there may be a new one before it. */
  #mendHoles(trade: TapeTrade, at: number): void {
    const before = nextOf(this.#trades, trade.symbol, at, -1);
    const after = nextOf(this.#trades, trade.symbol, at, 1);
    if (after !== undefined && isHole(after)) {
      for (const entries of [this.#trades, this.#shown]) {
        entries.splice(entries.lastIndexOf(after), 1);
      }
    }
    for (const hole of [holeBetween(before, trade), holeBetween(trade, after)]) {
      if (hole !== undefined) {
        insertInOrder(this.#trades, hole);
        insertInOrder(this.#shown, hole);
      }
    }
  }

  #changed(added: number): void {
    if (added === 0) {
      return;
    }
    this.total += added;
    this.#cut(false);
    this.#notify();
  }

  /** Lets the oldest go; in one cut at a quarter more than the capacity, for a shift a trade would be quadratic in a burst. */
  #cut(exactly: boolean): void {
    const limit = exactly ? this.#capacity : this.#capacity + Math.max(64, this.#capacity >> 2);
    if (this.#trades.length <= limit) {
      return;
    }
    const gone = this.#trades.splice(0, this.#trades.length - this.#capacity);
    const oldest = this.#trades[0];
    let first = 0;
    while (first < this.#shown.length && oldest !== undefined && inOrder(this.#shown[first], oldest) < 0) {
      first += 1;
    }
    this.#shown.splice(0, oldest === undefined ? this.#shown.length : first);
    for (const trade of gone) {
      this.#floor = Math.max(this.#floor, trade.time);
      this.#ids.get(trade.symbol)?.delete(trade.id);
    }
  }

  #notify(): void {
    this.version += 1;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** What is missing between two lines of a symbol; undefined when nothing is. */
function holeBetween(before: TapeEntry | undefined, after: TapeEntry | undefined): TapeHole | undefined {
  if (before === undefined || after === undefined) {
    return undefined;
  }
  // Half an id is a hole's: the trade after it is the next whole one.
  const until = Math.ceil(after.id);
  const missing = until - before.id - 1;
  return missing > 0 ? { symbol: after.symbol, id: until - 0.5, time: after.time, missing } : undefined;
}

/** The nearest line of a symbol from `at` on, not that itself. */
function nextOf(entries: readonly TapeEntry[], symbol: string, at: number, step: 1 | -1): TapeEntry | undefined {
  for (let index = at + step; index >= 0 && index < entries.length; index += step) {
    if (entries[index].symbol === symbol) {
      return entries[index];
    }
  }
  return undefined;
}

/** Trades in their order, with what is missing between them. */
function withHoles(trades: readonly TapeEntry[]): TapeEntry[] {
  const last = new Map<string, TapeEntry>();
  const entries: TapeEntry[] = [];
  for (const trade of trades) {
    const hole = holeBetween(last.get(trade.symbol), trade);
    entries.push(...(hole === undefined ? [trade] : [hole, trade]));
    last.set(trade.symbol, trade);
  }
  return entries;
}

/** By time, then by symbol and id: ids order trades of one symbol within a millisecond. */
function inOrder(a: TapeEntry, b: TapeEntry): number {
  if (a.symbol === b.symbol) {
    return a.id - b.id;
  }
  return a.time - b.time || (a.symbol < b.symbol ? -1 : 1);
}

/** Nearly always at the end; a late trade goes to its place, which is returned. */
function insertInOrder(entries: TapeEntry[], entry: TapeEntry): number {
  let at = entries.length;
  while (at > 0 && inOrder(entries[at - 1], entry) > 0) {
    at -= 1;
  }
  if (at === entries.length) {
    entries.push(entry);
  } else {
    entries.splice(at, 0, entry);
  }
  return at;
}
