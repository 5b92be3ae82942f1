import { addExact, addProduct, addSum } from "./exact_sum.ts";

/*
 * A candle as a row of doubles: its open time, four prices in ticks, four exact sums of two cells each (volume, quote
 * volume, and those of taker buys), the number of trades, and the first and last id (-1 without trades).
 */
export const OPEN_TIME = 0;
export const OPEN = 1;
export const HIGH = 2;
export const LOW = 3;
export const CLOSE = 4;
export const VOLUME = 5;
export const QUOTE = 7;
export const BUY = 9;
export const BUY_QUOTE = 11;
export const COUNT = 13;
export const FIRST = 14;
export const LAST = 15;
export const WIDTH = 16;

/** Makes a candle empty: flat at the close before it. */
export function clearCandle(cells: Float64Array, at: number, openTime: number, close: number): void {
  cells.fill(0, at, at + WIDTH);
  cells[at + OPEN_TIME] = openTime;
  cells.fill(close, at + OPEN, at + CLOSE + 1);
  cells[at + FIRST] = cells[at + LAST] = -1;
}

/** Adds a trade to the candle in `cells[0…]`. */
export function addTrade(
  cells: Float64Array,
  price: number,
  quantity: number,
  isBuyerMaker: boolean,
  id: number,
): void {
  if (cells[COUNT] === 0) {
    cells[OPEN] = cells[HIGH] = cells[LOW] = price;
    cells[FIRST] = id;
  } else if (price > cells[HIGH]!) cells[HIGH] = price;
  else if (price < cells[LOW]!) cells[LOW] = price;
  cells[CLOSE] = price;
  cells[LAST] = id;
  cells[COUNT] = cells[COUNT]! + 1;
  addExact(cells, VOLUME, quantity);
  addProduct(cells, QUOTE, price, quantity);
  if (isBuyerMaker) return;
  addExact(cells, BUY, quantity);
  addProduct(cells, BUY_QUOTE, price, quantity);
}

/** Adds a later candle to an earlier one. */
export function mergeCandle(into: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  if (from[fromAt + COUNT] === 0) return;
  if (into[at + COUNT] === 0) {
    const openTime = into[at + OPEN_TIME]!;
    for (let i = 0; i < WIDTH; i++) into[at + i] = from[fromAt + i]!;
    into[at + OPEN_TIME] = openTime;
    return;
  }
  into[at + HIGH] = Math.max(into[at + HIGH]!, from[fromAt + HIGH]!);
  into[at + LOW] = Math.min(into[at + LOW]!, from[fromAt + LOW]!);
  into[at + CLOSE] = from[fromAt + CLOSE]!;
  for (const sum of [VOLUME, QUOTE, BUY, BUY_QUOTE]) addSum(into, at + sum, from, fromAt + sum);
  into[at + COUNT] = into[at + COUNT]! + from[fromAt + COUNT]!;
  into[at + LAST] = from[fromAt + LAST]!;
}
