import { CandlewireError } from "../error.ts";
import type { MarketSource } from "./source/market_source.ts";

/** The whole market, as a source lists it. */
export type Market = Awaited<ReturnType<MarketSource["market"]>>;

/** Assets that count as one dollar for the ranking. */
const DOLLARS = new Set(["USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD"]);

/** Symbols followed when none are named. */
const DEFAULT_COUNT = 20;

/** The symbols to follow, and those that were asked for but do not trade. */
export type ChosenSymbols = { symbols: string[]; unknown: string[] };

/**
 * The symbols asked for that trade; without any asked for, the 20 with the highest 24 h quote volume in dollars.
 * Rejects with `source.unknown_symbols` when none of those asked for trades.
 */
export function chooseSymbols(market: Market, wanted: string[] | null): ChosenSymbols {
  if (wanted === null) return { symbols: byVolume(market).slice(0, DEFAULT_COUNT), unknown: [] };
  const listed = new Set(market.map((entry) => entry.symbol));
  const names = [...new Set(wanted)];
  const chosen = {
    symbols: names.filter((symbol) => listed.has(symbol)),
    unknown: names.filter((symbol) => !listed.has(symbol)),
  };
  if (chosen.symbols.length === 0 && names.length > 0) {
    throw new CandlewireError("source.unknown_symbols", `Follow ${names.join(", ")}: none of them trades`, {
      retry: "operator",
      hint: `Name symbols as the exchange lists them, such as ${byVolume(market).slice(0, 3).join(", ")}`,
    });
  }
  return chosen;
}

/** Symbols by 24 h quote volume in dollars, highest first. A ranking only, so floats will do. */
function byVolume(market: Market): string[] {
  const price = new Map(market.map((entry) => [entry.symbol, Number(entry.stats?.last_price ?? 0)]));
  const rate = (asset: string): number => {
    if (DOLLARS.has(asset)) return 1;
    for (const dollar of DOLLARS) {
      const direct = price.get(asset + dollar);
      if (direct !== undefined && direct > 0) return direct;
      const inverse = price.get(dollar + asset);
      if (inverse !== undefined && inverse > 0) return 1 / inverse;
    }
    return 0;
  };
  return market
    .map((entry) => ({
      symbol: entry.symbol,
      volume: Number(entry.stats?.quote_volume ?? 0) * rate(entry.quoteAsset),
    }))
    .sort((a, b) => b.volume - a.volume || (a.symbol < b.symbol ? -1 : 1))
    .map((entry) => entry.symbol);
}
