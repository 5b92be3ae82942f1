import type { EpochMs } from "../market/epoch.ts";
import type { FixedText } from "./fixed_text.ts";
import type { ExchangeTrade } from "./market.ts";
import { SpoolFile } from "./spool_file.ts";
import { SEGMENT_BYTES } from "./spool_retention.ts";
import type { StateReader, StateWriter } from "./state_bytes.ts";

// One trade: id, time × 2 + isBuyerMaker, price, quantity, taker order (-1 unknown), aggregate id.
const WIDTH = 6;
const ID = 0;
const TIME = 1;
const PRICE = 2;
const QUANTITY = 3;
const TAKER = 4;
const AGGREGATE = 5;

/** The trades of one symbol, in the order of their ids and times; the oldest may have been let go. */
export class TradeSpool {
  readonly #symbol: string;
  readonly #trades: SpoolFile;
  /** Ids that are not there: first, last. */
  readonly #gaps: SpoolFile;
  readonly #price: FixedText;
  readonly #quantity: FixedText;
  /** Of the very first trade, kept or not. */
  #firstId = -1;
  #firstTime = -1;
  #lastId = -1;
  #lastTime = -1;
  #lastTaker = -2;
  #lastPrice = -1;
  #aggregate = 0;

  constructor(
    folder: string,
    symbol: string,
    number: number,
    texts: { price: FixedText; quantity: FixedText },
  ) {
    this.#symbol = symbol;
    this.#price = texts.price;
    this.#quantity = texts.quantity;
    this.#trades = new SpoolFile(`${folder}/trades_${number}.f64`, WIDTH, {
      buffer: 512,
      segmentBytes: SEGMENT_BYTES,
    });
    this.#gaps = new SpoolFile(`${folder}/trade_gaps_${number}.f64`, 2, { buffer: 16 });
  }

  get files(): SpoolFile[] {
    return [this.#trades, this.#gaps];
  }

  /** How many there were ever; the index of the next. */
  get length(): number {
    return this.#trades.length;
  }

  /** Index of the oldest that is kept. */
  get first(): number {
    return this.#trades.first;
  }

  get bytes(): number {
    return this.#trades.bytes;
  }

  /** Id and time of the very first trade, kept or not; -1 before it. */
  get firstId(): number {
    return this.#firstId;
  }
  get firstTime(): number {
    return this.#firstTime;
  }

  /**
   * Up to which index trades go when the oldest file of them goes: a whole aggregate. The length when none would be
   * left.
   */
  get nextRelease(): number {
    const { nextRelease, length } = this.#trades;
    if (nextRelease >= length) return length;
    const aggregate = this.#trades.cell(nextRelease - 1, AGGREGATE);
    return this.#trades.search((cells, at) => cells[at + AGGREGATE]! > aggregate, nextRelease);
  }

  /** Lets trades before an index go. */
  release(before: number): void {
    this.#trades.release(before);
  }

  save(out: StateWriter): void {
    out.number(this.#firstId);
    out.number(this.#firstTime);
  }

  /** Returns the aggregate id. Ids must increase; times must not decrease. */
  append(
    id: number,
    price: number,
    quantity: number,
    time: number,
    isBuyerMaker: boolean,
    takerOrder: number,
  ): number {
    const timeAndSide = time * 2 + (isBuyerMaker ? 1 : 0);
    // Of one taker order at one price; where the order is unknown, of one time and side at one price.
    const same = price === this.#lastPrice && takerOrder === this.#lastTaker &&
      (takerOrder >= 0 || timeAndSide === this.#lastTime);
    if (!same) this.#aggregate++;
    if (this.#lastId < 0) {
      this.#firstId = id;
      this.#firstTime = time;
    }
    if (this.#lastId >= 0 && id !== this.#lastId + 1) {
      const at = this.#gaps.append();
      this.#gaps.buffer[at] = this.#lastId + 1;
      this.#gaps.buffer[at + 1] = id - 1;
    }
    this.#lastId = id;
    this.#lastTime = timeAndSide;
    this.#lastTaker = takerOrder;
    this.#lastPrice = price;
    const at = this.#trades.append();
    const cells = this.#trades.buffer;
    cells[at + ID] = id;
    cells[at + TIME] = timeAndSide;
    cells[at + PRICE] = price;
    cells[at + QUANTITY] = quantity;
    cells[at + TAKER] = takerOrder;
    cells[at + AGGREGATE] = this.#aggregate;
    return this.#aggregate;
  }

  /** After the files were truncated to a checkpoint: where appending goes on. */
  restore(state: StateReader): void {
    this.#firstId = state.number();
    this.#firstTime = state.number();
    if (this.#trades.length === 0) return;
    const at = this.#trades.at(this.#trades.length - 1);
    const cells = this.#trades.cells;
    this.#lastId = cells[at + ID]!;
    this.#lastTime = cells[at + TIME]!;
    this.#lastPrice = cells[at + PRICE]!;
    this.#lastTaker = cells[at + TAKER]!;
    this.#aggregate = cells[at + AGGREGATE]!;
  }

  /** Index of the first kept trade at or after a time. */
  indexAt(time: number, from = 0): number {
    return this.#trades.search((cells, at) => cells[at + TIME]! >= time * 2, from);
  }

  /** Index of the first kept trade whose id is at least this. */
  indexOf(id: number): number {
    // Nearly always there is no gap, and ids go with indexes.
    const guess = id - this.#firstId;
    if (guess >= this.first && guess < this.#trades.length && this.idOf(guess) === id) return guess;
    return this.#trades.search((cells, at) => cells[at + ID]! >= id);
  }

  indexOfAggregate(id: number): number {
    return this.#trades.search((cells, at) => cells[at + AGGREGATE]! >= id);
  }

  idOf(index: number): number {
    return this.#trades.cell(index, ID);
  }
  timeOf(index: number): number {
    return Math.floor(this.#trades.cell(index, TIME) / 2);
  }
  priceOf(index: number): number {
    return this.#trades.cell(index, PRICE);
  }
  quantityOf(index: number): number {
    return this.#trades.cell(index, QUANTITY);
  }
  isBuyerMakerOf(index: number): boolean {
    return this.#trades.cell(index, TIME) % 2 === 1;
  }

  /** A trade as it is told. */
  trade(index: number): ExchangeTrade {
    const at = this.#trades.at(index);
    const cells = this.#trades.cells;
    const taker = cells[at + TAKER]!;
    return {
      type: "trade",
      symbol: this.#symbol,
      tradeId: cells[at + ID]!,
      price: this.#price.of(cells[at + PRICE]!),
      quantity: this.#quantity.of(cells[at + QUANTITY]!),
      time: Math.floor(cells[at + TIME]! / 2) as EpochMs,
      isBuyerMaker: cells[at + TIME]! % 2 === 1,
      takerOrderId: taker < 0 ? null : taker,
      aggregateId: cells[at + AGGREGATE]!,
    };
  }

  /** As `ExchangeMarket.trades`: from an id, an aggregate or a time on; without them the last up to `to`. */
  query(
    query: { fromId?: number; fromAggregateId?: number; from?: number; to?: number; limit: number },
  ): ExchangeTrade[] {
    const end = query.to === undefined ? this.length : this.indexAt(query.to + 1);
    const starts = [
      query.fromId === undefined ? -1 : this.indexOf(query.fromId),
      query.fromAggregateId === undefined ? -1 : this.indexOfAggregate(query.fromAggregateId),
      query.from === undefined ? -1 : this.indexAt(query.from),
    ];
    let first = Math.max(...starts);
    if (first < 0) first = Math.max(this.first, end - query.limit);
    const out: ExchangeTrade[] = [];
    for (let index = first; index < end && out.length < query.limit; index++) out.push(this.trade(index));
    return out;
  }

  /** Every id between the first and the last that is not there. */
  missing(): number[] {
    const ids: number[] = [];
    for (let index = 0; index < this.#gaps.length; index++) {
      const at = this.#gaps.at(index);
      for (let id = this.#gaps.cells[at]!; id <= this.#gaps.cells[at + 1]!; id++) ids.push(id);
    }
    return ids;
  }
}
