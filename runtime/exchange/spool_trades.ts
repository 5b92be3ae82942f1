import type { EpochMs } from "../market/epoch.ts";
import type { FixedText } from "./fixed_text.ts";
import type { ExchangeTrade } from "./market.ts";
import { SpoolFile } from "./spool_file.ts";

// One trade: id, time × 2 + isBuyerMaker, price, quantity, taker order (-1 unknown), aggregate id.
const WIDTH = 6;
const ID = 0;
const TIME = 1;
const PRICE = 2;
const QUANTITY = 3;
const TAKER = 4;
const AGGREGATE = 5;

/** All trades of one symbol, in the order of their ids and times. */
export class TradeSpool {
  readonly #symbol: string;
  readonly #trades: SpoolFile;
  /** Ids that are not there: first, last. */
  readonly #gaps: SpoolFile;
  readonly #price: FixedText;
  readonly #quantity: FixedText;
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
    this.#trades = new SpoolFile(`${folder}/trades_${number}.f64`, WIDTH, 512);
    this.#gaps = new SpoolFile(`${folder}/trade_gaps_${number}.f64`, 2, 16);
  }

  get files(): SpoolFile[] {
    return [this.#trades, this.#gaps];
  }

  get length(): number {
    return this.#trades.length;
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
  resume(): void {
    if (this.#trades.length === 0) return;
    const at = this.#trades.at(this.#trades.length - 1);
    const cells = this.#trades.cells;
    this.#lastId = cells[at + ID]!;
    this.#lastTime = cells[at + TIME]!;
    this.#lastPrice = cells[at + PRICE]!;
    this.#lastTaker = cells[at + TAKER]!;
    this.#aggregate = cells[at + AGGREGATE]!;
  }

  /** Index of the first trade at or after a time. */
  indexAt(time: number, from = 0): number {
    return this.#trades.search((cells, at) => cells[at + TIME]! >= time * 2, from);
  }

  /** Index of the first trade whose id is at least this. */
  indexOf(id: number): number {
    if (this.#trades.length === 0) return 0;
    // Nearly always there is no gap, and the id is the index.
    const guess = id - this.idOf(0);
    if (guess >= 0 && guess < this.#trades.length && this.idOf(guess) === id) return guess;
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
    if (first < 0) first = Math.max(0, end - query.limit);
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
