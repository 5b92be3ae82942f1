import type { StateReader, StateWriter } from "../state_bytes.ts";
import type { Asset, Listing } from "./listing.ts";
import type { Random } from "./random.ts";

/** Orders a second at which the daily volatilities hold: that of Binance's spot market at 488 trades/s, roughly. */
const ACTIONS_PER_DAY = 700 * 86_400;
/** News come in one of so many orders; between them the price stands, and makers can tighten the spread. */
const MOVE_EVERY = 32;
const JUMP_EVERY = 1500;
const JUMP_SIZE = 14;
const MARKET_VOLATILITY = 0.025;
/** Pull towards the start, so that prices stay in sight of it however long it runs. */
const PULL = 2e-8;

/**
 * What assets are worth, which nobody in the market knows exactly: a common factor and one of each asset's own, so
 * that prices move together, and a pair of two coins agrees with both of their dollar prices. Time is counted in
 * orders: busy markets move more. Jumps make the tails fat.
 */
export class FairPrice {
  readonly #assets: readonly Asset[];
  readonly #own: Float64Array;
  readonly #step: Float64Array;
  readonly #base: Int32Array;
  readonly #quote: Int32Array;
  readonly #scale: Float64Array;
  #factor = 0;

  constructor(listings: readonly Listing[]) {
    this.#assets = [...new Set(listings.flatMap((listing) => [listing.base, listing.quote]))];
    const total = listings.reduce((sum, listing) => sum + listing.weight, 0);
    this.#own = new Float64Array(this.#assets.length);
    this.#step = Float64Array.from(this.#assets, (asset) => {
      // The asset moves when one of its markets gets an order; busier ones in smaller steps.
      const weight = listings.reduce((sum, l) => sum + (l.base === asset ? l.weight : 0), 0) || total;
      return asset.dailyVolatility * Math.sqrt(MOVE_EVERY * total / (ACTIONS_PER_DAY * weight));
    });
    this.#base = Int32Array.from(listings, (listing) => this.#assets.indexOf(listing.base));
    this.#quote = Int32Array.from(listings, (listing) => this.#assets.indexOf(listing.quote));
    this.#scale = Float64Array.from(listings, (listing) => 10 ** listing.priceScale);
  }

  /** News at an order for a market; `violence` multiplies it, `drift` in standard deviations leans it. */
  move(market: number, random: Random, violence: number, drift: number): void {
    if (random.integer(MOVE_EVERY) !== 0) return;
    const factorStep = MARKET_VOLATILITY * Math.sqrt(MOVE_EVERY / ACTIONS_PER_DAY);
    const jump = random.integer(JUMP_EVERY) === 0 ? JUMP_SIZE : 1;
    this.#factor += violence * factorStep * jump * (random.normal() + drift) - PULL * this.#factor;
    const asset = this.#base[market]!;
    const own = this.#own[asset]!;
    const ownJump = random.integer(JUMP_EVERY) === 0 ? JUMP_SIZE : 1;
    this.#own[asset] = own + violence * this.#step[asset]! * ownJump * random.normal() - PULL * own;
  }

  /** An asset's worth in USDT. */
  usd(asset: number): number {
    const { price, beta } = this.#assets[asset]!;
    return price * Math.exp(beta * this.#factor + this.#own[asset]!);
  }

  /** A market's base asset in USDT. */
  baseUsd(market: number): number {
    return this.usd(this.#base[market]!);
  }

  /** A market's price in ticks, not rounded. */
  ticks(market: number): number {
    const base = this.#base[market]!;
    const quote = this.#quote[market]!;
    const a = this.#assets[base]!;
    const b = this.#assets[quote]!;
    const log = (a.beta - b.beta) * this.#factor + this.#own[base]! - this.#own[quote]!;
    return a.price / b.price * Math.exp(log) * this.#scale[market]!;
  }

  save(out: StateWriter): void {
    out.number(this.#factor);
    out.numbers(this.#own);
  }

  restore(state: StateReader): void {
    this.#factor = state.number();
    this.#own.set(state.numbers());
  }
}
