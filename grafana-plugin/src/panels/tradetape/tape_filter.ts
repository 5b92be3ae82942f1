/** Which trades a tape shows and which it marks as large. Pure. */
import type { TapeTrade } from './model.ts';

/** `takers` by who took: `buy` the buyer, `sell` the seller. */
export type TapeSide = 'all' | 'buy' | 'sell';

/** What a size is measured in: the base asset's quantity, or the value in the quote asset (price × quantity). */
export type SizeUnit = 'quantity' | 'value';

export type TapeFilter = {
  side: TapeSide;
  sizeUnit: SizeUnit;
  /** Sizes below are left out; 0: none. */
  minSize: number;
  /** Sizes from here are marked; 0: none. */
  largeSize: number;
};

/** A trade's size in the filter's unit. A double: it is compared, never shown. */
export function sizeOf(trade: TapeTrade, unit: SizeUnit): number {
  return unit === 'value' ? trade.price * trade.quantity : trade.quantity;
}

/** True when the tape shows the trade. One without a side passes only the filter for all. */
export function passes(trade: TapeTrade, filter: TapeFilter): boolean {
  if (filter.side !== 'all' && trade.isBuyerMaker !== (filter.side === 'sell')) {
    return false;
  }
  return filter.minSize <= 0 || sizeOf(trade, filter.sizeUnit) >= filter.minSize;
}

/** True when the trade is to be marked. */
export function isLarge(trade: TapeTrade, filter: TapeFilter): boolean {
  return filter.largeSize > 0 && sizeOf(trade, filter.sizeUnit) >= filter.largeSize;
}
