import { type Decimal, parseDecimal } from "../market/decimal.ts";
import { formatTrimmed, quotient } from "./decimal_product.ts";

/** Decimals of a converted volume. */
const SCALE = 8;

/** Assets that a conversion may pass through, the most liquid first. */
const BRIDGES = ["BTC", "ETH", "BNB", "FDUSD", "USDC", "TUSD", "BUSD", "EUR", "TRY"] as const;

/** One USDT is worth `rate` of an asset, or an asset is worth `rate` USDT. */
type Step = { rate: Decimal; inverse: boolean };

/**
 * Converts quote volumes to USDT at the markets' last prices: by the market of the asset and USDT (`BTCUSDT`, or
 * `USDTTRY` the other way round), else over one bridge asset. Exact up to one rounding a division, to 8 decimals.
 */
export class UsdtConverter {
  readonly #prices: ReadonlyMap<string, string>;
  readonly #paths = new Map<string, Step[] | undefined>();

  /** `prices`: last price by symbol. */
  constructor(prices: ReadonlyMap<string, string>) {
    this.#prices = prices;
  }

  /** An amount of `asset` in USDT; null where no path is known or the amount is no decimal. */
  convert(amount: string, asset: string | null): string | null {
    if (asset === null) return null;
    const path = this.#path(asset);
    let value = parseDecimal(amount);
    if (path === undefined || value === undefined) return null;
    for (const { rate, inverse } of path) {
      if (inverse) {
        const text = quotient(value, rate, SCALE + 8);
        value = parseDecimal(text)!;
      } else value = { units: value.units * rate.units, scale: value.scale + rate.scale };
    }
    return path.length === 0
      ? formatTrimmed(value, Math.min(SCALE, value.scale))
      : quotient(value, { units: 1n, scale: 0 }, SCALE);
  }

  #path(asset: string): Step[] | undefined {
    if (asset === "USDT") return [];
    if (this.#paths.has(asset)) return this.#paths.get(asset);
    let path: Step[] | undefined;
    const direct = this.#step(asset, "USDT");
    if (direct !== undefined) path = [direct];
    for (const bridge of path === undefined ? BRIDGES : []) {
      if (bridge === asset) continue;
      const first = this.#step(asset, bridge);
      const second = first === undefined ? undefined : this.#step(bridge, "USDT");
      if (first === undefined || second === undefined) continue;
      path = [first, second];
      break;
    }
    this.#paths.set(asset, path);
    return path;
  }

  #step(from: string, to: string): Step | undefined {
    for (const [symbol, inverse] of [[`${from}${to}`, false], [`${to}${from}`, true]] as const) {
      const rate = parseDecimal(this.#prices.get(symbol) ?? "");
      if (rate !== undefined && rate.units > 0n) return { rate, inverse };
    }
    return undefined;
  }
}
