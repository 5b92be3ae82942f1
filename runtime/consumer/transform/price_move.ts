import { compareDecimals, unitsAt } from "../../market/decimal.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { SeenPrice } from "../store/market_store.ts";
import type { Alert, Change, Outcome, Transform } from "./transform.ts";

/** `ETHUSDT −5 % within 10 minutes`. */
export type PriceMoveRule = {
  name: string;
  /** `["*"]` for every symbol. */
  symbols: string[];
  /** Signed: −5 tells of a fall of 5 % or more, 5 of a rise. */
  percent: number;
  /** In event time, ms. */
  withinMs: number;
};

/** Parts a rule's time is cut into. */
const BUCKETS = 60;
/** (rule, symbol) pairs that are watched at most (I10), about 1.5 KB each. */
const MAX_WATCHED = 20_000;

/**
 * Raises an alert when a symbol's price has moved by a rule's percentage from its extreme within the rule's time
 * before. Every row is kept. Looks at trades and at latest prices, in event time.
 *
 * The extreme is kept per 1/60 of the time, so memory is bounded and late, repeated or reordered rows need no special
 * case; an alert never speaks of a move longer than `withinMs`, and may miss one whose extreme lies in the oldest 1/60.
 * One alert a rule, symbol and period of `withinMs`: its id follows from these, so a replay raises it once.
 */
export class PriceMove implements Transform {
  readonly name = "price_move";
  readonly tables = ["recent_trades", "latest_prices"] as const;
  readonly #rules: PriceMoveRule[];
  readonly #watched = new Map<string, Watch[]>();
  #count = 0;
  #alerts: Alert[] = [];

  constructor(rules: PriceMoveRule[]) {
    this.#rules = rules;
  }

  /** (rule, symbol) pairs that are watched. */
  get watched(): number {
    return this.#count;
  }

  /** Takes prices that were stored before, so that a restart does not forget what moved. Raises nothing. */
  warm(prices: SeenPrice[]): void {
    for (const { symbol, price, time } of prices) {
      for (const watch of this.#of(symbol)) watch.see(price, time);
    }
  }

  /** Forgets symbols whose rows go to another consumer from now on. */
  keepOnly(owns: (symbol: string) => boolean): void {
    for (const [symbol, watches] of this.#watched) {
      if (owns(symbol)) continue;
      this.#watched.delete(symbol);
      this.#count -= watches.length;
    }
  }

  apply(changes: Change[]): Outcome[] {
    return changes.map((change): Outcome => {
      if (change.kind === "upsert") {
        if (change.table === "recent_trades") {
          const { symbol, price, trade_time, trade_id } = (change as Change<"recent_trades">).row;
          this.#see(symbol, price, trade_time, { trade_id });
        } else {
          const { symbol, price, updated_at } = (change as Change<"latest_prices">).row;
          this.#see(symbol, price, updated_at, {});
        }
      }
      return { kind: "keep", change };
    });
  }

  takeAlerts(): Alert[] {
    const alerts = this.#alerts;
    this.#alerts = [];
    return alerts;
  }

  #see(symbol: string, price: string, time: EpochMs, evidence: Record<string, unknown>): void {
    for (const watch of this.#of(symbol)) {
      const extreme = watch.see(price, time);
      if (extreme === undefined) continue;
      const { rule } = watch;
      const period = Math.floor(time / rule.withinMs);
      if (period === watch.raisedFor) continue;
      watch.raisedFor = period;
      const move = movePercent(extreme.price, price);
      this.#alerts.push({
        id: `${rule.name}:${symbol}:${rule.percent < 0 ? "down" : "up"}:${period}`,
        rule: rule.name,
        symbol,
        message: `${symbol} ${move < 0 ? "−" : "+"}${Math.abs(move).toFixed(2)} % within ${
          duration(rule.withinMs)
        }`,
        raisedAt: time,
        evidence: {
          from_price: extreme.price,
          from_time: extreme.time,
          to_price: price,
          to_time: time,
          percent: Number(move.toFixed(6)),
          limit_percent: rule.percent,
          within_ms: rule.withinMs,
          ...evidence,
        },
      });
    }
  }

  #of(symbol: string): Watch[] {
    let watches = this.#watched.get(symbol);
    if (watches === undefined) {
      const rules = this.#rules.filter(({ symbols }) => symbols.includes("*") || symbols.includes(symbol));
      if (rules.length > 0 && this.#count + rules.length > MAX_WATCHED) return [];
      watches = rules.map((rule) => new Watch(rule));
      // Symbols without a rule are not remembered: their number has no bound of ours.
      if (rules.length > 0) this.#watched.set(symbol, watches);
      this.#count += watches.length;
    }
    return watches;
  }
}

/** One rule on one symbol: the extreme of each part of the rule's time. */
class Watch {
  readonly rule: PriceMoveRule;
  /** The period of the last alert. */
  raisedFor = -1;
  readonly #falling: boolean;
  readonly #width: number;
  readonly #prices = new Float64Array(BUCKETS + 1).fill(NaN);
  readonly #times = new Float64Array(BUCKETS + 1);
  readonly #texts: string[] = new Array(BUCKETS + 1).fill("");
  /** The newest time seen, and where the extreme for it lies; -1 when that must be looked for. */
  #newest = -Infinity;
  #best = -1;

  constructor(rule: PriceMoveRule) {
    this.rule = rule;
    this.#falling = rule.percent < 0;
    this.#width = Math.max(1, Math.ceil(rule.withinMs / BUCKETS));
  }

  /** Takes a price; answers with the extreme when it has moved far enough from it. */
  see(text: string, time: number): { price: string; time: number } | undefined {
    const price = Number(text);
    if (!(price > 0)) return undefined;
    const bucket = Math.floor(time / this.#width);
    const at = bucket % (BUCKETS + 1);
    const there = this.#times[at]!;
    const sameBucket = Math.floor(there / this.#width) === bucket;
    if (Number.isNaN(this.#prices[at]!) || (!sameBucket && there < time)) {
      this.#put(at, price, time, text);
    } else if (sameBucket && this.#isFurther(price, this.#prices[at]!)) {
      this.#put(at, price, time, text);
    }
    const best = this.#extreme(time);
    if (best < 0) return undefined;
    // Floats only screen; what is near the limit or beyond it is decided exactly.
    const move = (price / this.#prices[best]! - 1) * 100;
    const { percent } = this.rule;
    if (this.#falling ? move > percent + 1e-6 : move < percent - 1e-6) return undefined;
    const from = this.#texts[best]!;
    return reaches(from, text, percent) ? { price: from, time: this.#times[best]! } : undefined;
  }

  /**
   * The part that holds the extreme of the rule's time before `time`; -1 when there is none. In time's order, which is
   * the rule, only a new price and one that grows too old can change it; after a row that came late it is looked for.
   */
  #extreme(time: number): number {
    const oldest = time - this.rule.withinMs;
    const inOrder = time >= this.#newest;
    if (inOrder) {
      this.#newest = time;
      if (this.#best >= 0 && this.#times[this.#best]! >= oldest) return this.#best;
    }
    let best = -1;
    for (let i = 0; i <= BUCKETS; i++) {
      const seen = this.#times[i]!;
      if (seen > time || seen < oldest || Number.isNaN(this.#prices[i]!)) continue;
      if (best < 0 || this.#isFurther(this.#prices[i]!, this.#prices[best]!)) best = i;
    }
    this.#best = inOrder ? best : -1;
    return best;
  }

  #put(at: number, price: number, time: number, text: string): void {
    // Where the extreme was something else may be now; what goes further than it is the new one.
    if (at === this.#best) this.#best = -1;
    else if (this.#best >= 0 && this.#isFurther(price, this.#prices[this.#best]!)) {
      this.#best = time >= this.#newest ? at : -1;
    }
    this.#prices[at] = price;
    this.#times[at] = time;
    this.#texts[at] = text;
  }

  /** The further an extreme lies on the side that a move starts from, the larger is the move. */
  #isFurther(price: number, than: number): boolean {
    return this.#falling ? price > than : price < than;
  }
}

/** Exactly: has the price moved from `from` to `to` by `percent` (up to 6 decimals) or more. */
function reaches(from: string, to: string, percent: number): boolean {
  const scale = 20;
  const a = unitsAt(from, scale);
  const b = unitsAt(to, scale);
  if (a === undefined || b === undefined) return compareDecimals(from, to) !== 0;
  const moved = (b - a) * 100_000_000n;
  const limit = a * BigInt(Math.round(percent * 1e6));
  return percent < 0 ? moved <= limit : moved >= limit;
}

function movePercent(from: string, to: string): number {
  return (Number(to) / Number(from) - 1) * 100;
}

/** A time for people: `10 minutes`. */
function duration(ms: number): string {
  for (const [unit, length] of [["hour", 3_600_000], ["minute", 60_000], ["second", 1000]] as const) {
    if (ms % length === 0) return `${ms / length} ${unit}${ms === length ? "" : "s"}`;
  }
  return `${ms} ms`;
}
