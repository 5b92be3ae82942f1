/** Spool files are cut into files of so many bytes, and go one at a time. */
export const SEGMENT_BYTES = 1 << 18;

/** Something of which the oldest part can go. */
export type Releasable = {
  /** What is kept of it. */
  readonly bytes: number;
  /** Lets the oldest part go; false when what is left is needed. */
  release(): boolean;
};

/** What is kept of a symbol, by what it is for. */
export type ReleasableKinds = Record<"candles" | "books" | "trades", readonly Releasable[]>;

/**
 * Lets the oldest go until about `budget` bytes are kept (I10): an eighth at most for candles, a quarter at most for
 * books, which only the truth is asked for, and all the rest for trades. Within a kind the largest gives first, so that
 * busy symbols never cost quiet ones their history.
 */
export function retain(symbols: readonly ReleasableKinds[], budget: number): void {
  const candles = shrink(symbols.flatMap((symbol) => symbol.candles), budget / 8);
  const books = shrink(symbols.flatMap((symbol) => symbol.books), budget / 4);
  shrink(symbols.flatMap((symbol) => symbol.trades), budget - candles - books);
}

/** Returns the bytes that are kept. */
function shrink(parts: readonly Releasable[], budget: number): number {
  const sum = () => parts.reduce((total, part) => total + part.bytes, 0);
  const willing = new Set(parts);
  while (sum() > budget && willing.size > 0) {
    const largest = [...willing].reduce((a, b) => b.bytes > a.bytes ? b : a);
    if (!largest.release()) willing.delete(largest);
  }
  return sum();
}
