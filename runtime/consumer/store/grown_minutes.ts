import type { EpochMs } from "../../market/epoch.ts";

/** Minutes that are followed (I10). */
const MOST_FOLLOWED = 1000;

/**
 * From which trade on minutes have changed since their windows were written, for a store that is the only writer of its
 * tables: who keeps a minute's sums need not read it again from its first trade.
 */
export class GrownMinutes {
  readonly #least = new Map<string, number>();

  /** A trade of the minute was stored, replaced or deleted; said too often, it does no harm. */
  touched(symbol: string, minute: EpochMs, tradeId: number): void {
    const key = `${symbol} ${minute}`;
    const least = this.#least.get(key);
    if (least !== undefined && tradeId < least) this.#least.set(key, tradeId);
  }

  /** The windows of the minute are durable, and none of its trades has changed since they were read. */
  written(symbol: string, minute: EpochMs): void {
    const key = `${symbol} ${minute}`;
    this.#least.delete(key);
    this.#least.set(key, Infinity);
    if (this.#least.size > MOST_FOLLOWED) this.#least.delete(this.#least.keys().next().value!);
  }

  /** The least id that changed since; undefined when nothing is known of the minute. */
  changedFrom(symbol: string, minute: EpochMs): number | undefined {
    const least = this.#least.get(`${symbol} ${minute}`);
    return least === Infinity ? undefined : least;
  }
}
