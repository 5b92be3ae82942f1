import type { EpochMs } from "../market/epoch.ts";
import {
  addTrade,
  BUY,
  BUY_QUOTE,
  clearCandle,
  CLOSE,
  COUNT,
  FIRST,
  HIGH,
  LAST,
  LOW,
  mergeCandle,
  OPEN,
  OPEN_TIME,
  QUOTE,
  VOLUME,
  WIDTH,
} from "./candle_cells.ts";
import { H, INTERVAL_MS, M, openTimeOf, S } from "./candle_grid.ts";
import { exactValue } from "./exact_sum.ts";
import { type FixedText, sumText } from "./fixed_text.ts";
import { type Candle, type Interval, INTERVALS } from "./market.ts";
import { SpoolFile } from "./spool_file.ts";
import { type Releasable, SEGMENT_BYTES } from "./spool_retention.ts";
import type { TradeSpool } from "./spool_trades.ts";
import type { StateReader, StateWriter } from "./state_bytes.ts";

const SECOND = 0;
const MINUTE = 1;
const HOUR = INTERVALS.indexOf("1h");
/** Minutes kept in any case: more than the longest ticker's window; as many hours. */
const KEPT_CANDLES = 1500;

/**
 * One symbol's candles of every interval, each from the trades alone. A trade touches the second's candle only; a
 * closed second goes into the minute, a closed minute into everything longer. Minutes and hours are spooled, seconds
 * are computed from the spooled trades, so memory stays flat.
 */
export class CandleSeries {
  readonly #symbol: string;
  readonly #trades: TradeSpool;
  readonly #price: FixedText;
  readonly #priceScale: number;
  readonly #quantityScale: number;
  readonly #minutes: SpoolFile;
  readonly #hours: SpoolFile;
  /** The open candle of each interval, without what is still in the shorter ones. */
  readonly #open = new Float64Array(INTERVALS.length * WIDTH);
  readonly #scratch = new Float64Array(WIDTH);
  #secondEnd = 0;
  #minuteEnd = 0;
  #lastClose = 0;
  #started = false;

  constructor(
    folder: string,
    number: number,
    parts: {
      symbol: string;
      trades: TradeSpool;
      price: FixedText;
      priceScale: number;
      quantityScale: number;
    },
  ) {
    this.#symbol = parts.symbol;
    this.#trades = parts.trades;
    this.#price = parts.price;
    this.#priceScale = parts.priceScale;
    this.#quantityScale = parts.quantityScale;
    this.#minutes = new SpoolFile(`${folder}/minutes_${number}.f64`, WIDTH, {
      buffer: 32,
      segmentBytes: SEGMENT_BYTES,
    });
    this.#hours = new SpoolFile(`${folder}/hours_${number}.f64`, WIDTH, {
      buffer: 8,
      segmentBytes: SEGMENT_BYTES,
    });
  }

  get files(): SpoolFile[] {
    return [this.#minutes, this.#hours];
  }

  /** What may go when the disk's share is used up: minutes and hours that no ticker and no open candle needs. */
  get releasable(): Releasable[] {
    return [this.#minutes, this.#hours].map((file) => ({
      get bytes() {
        return file.bytes;
      },
      release() {
        const { nextRelease } = file;
        if (nextRelease > file.length - KEPT_CANDLES) return false;
        file.release(nextRelease);
        return true;
      },
    }));
  }

  /** Open time of the open minute. */
  get openMinute(): number {
    return this.#minuteEnd - M;
  }

  /** A closed minute as cells (candle_cells.ts), valid until the next call; undefined when it is open or not kept. */
  closedMinute(openTime: number): Float64Array | undefined {
    const file = this.#minutes;
    if (!this.#started || openTime >= this.openMinute || file.length === file.first) return undefined;
    const index = file.length - (this.openMinute - openTime) / M;
    if (index < file.first) return undefined;
    const at = file.at(index);
    return file.cells.subarray(at, at + WIDTH);
  }

  /** Takes the next trade; times must not decrease. */
  add(time: number, price: number, quantity: number, isBuyerMaker: boolean, id: number): void {
    if (time >= this.#secondEnd) {
      if (!this.#started) this.#start(time);
      this.roll(time);
    }
    addTrade(this.#open, price, quantity, isBuyerMaker, id);
    this.#lastClose = price;
  }

  /** Closes what ends at or before a time. */
  roll(time: number): void {
    if (!this.#started || time < this.#secondEnd) return;
    mergeCandle(this.#open, MINUTE * WIDTH, this.#open, SECOND * WIDTH);
    while (this.#minuteEnd <= time) this.#closeMinute();
    this.#reset(SECOND, Math.floor(time / S) * S);
    this.#secondEnd = this.#open[OPEN_TIME]! + S;
  }

  /** The open candle at a time; undefined before the first trade. */
  current(interval: Interval, now: number): Candle | undefined {
    if (!this.#started) return undefined;
    this.roll(now);
    return this.#candle(this.#currentCells(INTERVALS.indexOf(interval)), interval, now);
  }

  /** Candles in ascending order; with `from` the first `limit` from it on, without it the last up to `to`. */
  range(interval: Interval, range: { from?: number; to?: number; limit: number }, now: number): Candle[] {
    if (!this.#started) return [];
    this.roll(now);
    const length = INTERVAL_MS[interval];
    const earliest = this.#earliest(interval, now);
    const latest = openTimeOf(interval, Math.min(range.to ?? now, now));
    let from = earliest;
    if (range.from !== undefined) from = Math.max(earliest, openTimeOf(interval, range.from - 1 + length));
    else from = Math.max(earliest, latest - (range.limit - 1) * length);
    const to = Math.min(latest, from + (range.limit - 1) * length);
    if (interval === "1s") return this.#seconds(from, to, now);
    const candles: Candle[] = [];
    for (let open = from; open <= to; open += length) {
      const cells = open + length > now
        ? this.#currentCells(INTERVALS.indexOf(interval))
        : this.#closed(open, length);
      candles.push(this.#candle(cells, interval, now));
    }
    return candles;
  }

  /** Open time of the oldest candle that can be told whole; at the latest the open one. */
  #earliest(interval: Interval, now: number): number {
    const length = INTERVAL_MS[interval];
    let kept = this.#trades.firstTime;
    if (length < M) {
      // A second whose first trades are gone cannot be told.
      if (this.#trades.first > 0) kept = this.#trades.timeOf(this.#trades.first) + length;
    } else {
      const file = length >= H ? this.#hours : this.#minutes;
      if (file.first > 0) kept = file.cell(file.first, OPEN_TIME) + length - 1;
    }
    return openTimeOf(interval, Math.min(kept, now));
  }

  save(out: StateWriter): void {
    out.numbers(this.#open);
    out.numbers([this.#secondEnd, this.#minuteEnd, this.#lastClose, this.#started ? 1 : 0]);
  }

  restore(state: StateReader): void {
    this.#open.set(state.numbers());
    const [secondEnd, minuteEnd, lastClose, started] = state.numbers();
    this.#secondEnd = secondEnd!;
    this.#minuteEnd = minuteEnd!;
    this.#lastClose = lastClose!;
    this.#started = started === 1;
  }

  #start(time: number): void {
    this.#started = true;
    INTERVALS.forEach((interval, index) => this.#reset(index, openTimeOf(interval, time)));
    this.#secondEnd = this.#open[OPEN_TIME]! + S;
    this.#minuteEnd = this.#open[MINUTE * WIDTH]! + M;
    // The hour's file begins with its hour; minutes before the first trade are not there.
  }

  #closeMinute(): void {
    const end = this.#minuteEnd;
    const open = this.#open;
    this.#spool(this.#minutes, MINUTE);
    for (let index = MINUTE + 1; index < INTERVALS.length; index++) {
      mergeCandle(open, index * WIDTH, open, MINUTE * WIDTH);
      const length = INTERVAL_MS[INTERVALS[index]!];
      if (open[index * WIDTH]! + length === end) {
        if (index === HOUR) this.#spool(this.#hours, HOUR);
        this.#reset(index, end);
      }
    }
    this.#reset(MINUTE, end);
    this.#minuteEnd = end + M;
  }

  #spool(file: SpoolFile, index: number): void {
    const at = file.append();
    file.buffer.set(this.#open.subarray(index * WIDTH, (index + 1) * WIDTH), at);
  }

  #reset(index: number, openTime: number): void {
    clearCandle(this.#open, index * WIDTH, openTime, this.#lastClose);
  }

  #currentCells(index: number): Float64Array {
    const cells = this.#scratch;
    cells.set(this.#open.subarray(index * WIDTH, (index + 1) * WIDTH));
    if (index > MINUTE) mergeCandle(cells, 0, this.#open, MINUTE * WIDTH);
    if (index > SECOND) mergeCandle(cells, 0, this.#open, SECOND * WIDTH);
    return cells;
  }

  /** A closed candle from the spooled minutes or hours. */
  #closed(open: number, length: number): Float64Array {
    const file = length >= H ? this.#hours : this.#minutes;
    const unit = length >= H ? H : M;
    const first = file.cell(file.first, OPEN_TIME);
    const cells = this.#scratch;
    let begun = false;
    for (let time = Math.max(open, first); time < open + length; time += unit) {
      const at = file.at(file.first + (time - first) / unit);
      if (!begun) cells.set(file.cells.subarray(at, at + WIDTH));
      else mergeCandle(cells, 0, file.cells, at);
      begun = true;
    }
    cells[OPEN_TIME] = open;
    return cells;
  }

  #seconds(from: number, to: number, now: number): Candle[] {
    const trades = this.#trades;
    const cells = this.#scratch;
    const candles: Candle[] = [];
    let index = trades.indexAt(from);
    let close = trades.priceOf(Math.max(trades.first, index - 1));
    for (let open = from; open <= to; open += S) {
      clearCandle(cells, 0, open, close);
      for (; index < trades.length && trades.timeOf(index) < open + S; index++) {
        close = trades.priceOf(index);
        addTrade(
          cells,
          close,
          trades.quantityOf(index),
          trades.isBuyerMakerOf(index),
          trades.idOf(index),
        );
      }
      candles.push(this.#candle(cells, "1s", now));
    }
    return candles;
  }

  #candle(cells: Float64Array, interval: Interval, now: number): Candle {
    const price = this.#price;
    const quoteScale = this.#priceScale + this.#quantityScale;
    const closeTime = cells[OPEN_TIME]! + INTERVAL_MS[interval] - 1;
    return {
      symbol: this.#symbol,
      openTime: cells[OPEN_TIME]! as EpochMs,
      closeTime: closeTime as EpochMs,
      open: price.of(cells[OPEN]!),
      high: price.of(cells[HIGH]!),
      low: price.of(cells[LOW]!),
      close: price.of(cells[CLOSE]!),
      volume: sumText(exactValue(cells, VOLUME), this.#quantityScale),
      quoteVolume: sumText(exactValue(cells, QUOTE), quoteScale),
      takerBuyVolume: sumText(exactValue(cells, BUY), this.#quantityScale),
      takerBuyQuoteVolume: sumText(exactValue(cells, BUY_QUOTE), quoteScale),
      trades: cells[COUNT]!,
      firstTradeId: cells[FIRST]!,
      lastTradeId: cells[LAST]!,
      closed: closeTime < now,
    };
  }
}
