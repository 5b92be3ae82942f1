import { CandlewireError } from "../../error.ts";
import { formatUnits } from "../../market/decimal.ts";
import { DECIMALS } from "../fixed_text.ts";
import type { FeedSymbol } from "../feed.ts";

/** What is traded: its price in USDT at the start, its share in the market's moves, and its own daily volatility. */
export type Asset = { name: string; price: number; beta: number; dailyVolatility: number };

/**
 * A market: base over quote, the decimals of its tick and lot, its share of all trades, and half its usual spread as
 * a part of the price. Tick and lot together have at most eight decimals, so that quote volumes are exact in the
 * wire's eight.
 */
export type Listing = FeedSymbol & { base: Asset; quote: Asset; weight: number; halfSpread: number };

// Prices of August 2024, the time of the recordings; 币安人生 came later.
const ASSETS: Record<string, Asset> = Object.fromEntries(
  ([
    ["USDT", 1, 0, 0],
    ["FDUSD", 0.9991, 0, 0.0004],
    ["USDC", 1.0002, 0, 0.0003],
    ["EUR", 1.0918, 0.02, 0.004],
    ["BTC", 61837, 0.9, 0.012],
    ["ETH", 2683.8, 1.1, 0.015],
    ["BNB", 515.2, 0.8, 0.014],
    ["SOL", 154.7, 1.3, 0.024],
    ["XRP", 0.6112, 0.9, 0.022],
    ["DOGE", 0.10431, 1.3, 0.026],
    ["ADA", 0.3471, 1.1, 0.022],
    ["TRX", 0.1278, 0.4, 0.012],
    ["AVAX", 21.94, 1.3, 0.025],
    ["LINK", 10.63, 1.2, 0.024],
    ["DOT", 4.612, 1.1, 0.022],
    ["LTC", 59.61, 0.9, 0.018],
    ["BCH", 331.4, 1.0, 0.022],
    ["SHIB", 0.00001385, 1.3, 0.028],
    ["PEPE", 0.00000755, 1.6, 0.04],
    ["SUI", 0.8713, 1.4, 0.035],
    ["UNI", 5.931, 1.2, 0.026],
    ["NEAR", 3.942, 1.3, 0.026],
    ["APT", 5.83, 1.3, 0.026],
    ["ETC", 18.91, 1.0, 0.02],
    ["币安人生", 0.1612, 1.5, 0.06],
  ] as const).map(([name, price, beta, dailyVolatility]) => [name, { name, price, beta, dailyVolatility }]),
);

const TABLE: readonly [
  base: string,
  quote: string,
  price: number,
  lot: number,
  weight: number,
  bps: number,
][] = [
  ["BTC", "USDT", 2, 5, 200, 0.1],
  ["ETH", "USDT", 2, 4, 140, 0.15],
  ["SOL", "USDT", 2, 3, 80, 0.5],
  ["XRP", "USDT", 4, 1, 55, 1],
  ["BNB", "USDT", 1, 3, 50, 1],
  ["DOGE", "USDT", 5, 0, 50, 0.8],
  ["PEPE", "USDT", 8, 0, 45, 7],
  ["BTC", "FDUSD", 2, 5, 80, 0.1],
  ["ETH", "FDUSD", 2, 4, 40, 0.2],
  ["SUI", "USDT", 4, 1, 30, 1],
  ["SHIB", "USDT", 8, 0, 25, 4],
  ["ADA", "USDT", 4, 1, 25, 1.5],
  ["AVAX", "USDT", 2, 2, 25, 2.5],
  ["LINK", "USDT", 2, 2, 22, 5],
  ["TRX", "USDT", 4, 1, 20, 4],
  ["NEAR", "USDT", 3, 1, 18, 1.5],
  ["DOT", "USDT", 3, 2, 16, 1.5],
  ["LTC", "USDT", 2, 3, 16, 1],
  ["BCH", "USDT", 1, 3, 14, 2],
  ["APT", "USDT", 2, 2, 14, 9],
  ["UNI", "USDT", 3, 2, 12, 1.5],
  ["ETC", "USDT", 2, 2, 10, 3],
  ["ETH", "BTC", 5, 3, 14, 1.2],
  ["SOL", "BTC", 6, 2, 8, 2],
  ["BNB", "BTC", 6, 2, 7, 1],
  ["BNB", "ETH", 4, 3, 5, 3],
  ["BTC", "EUR", 2, 5, 10, 0.5],
  ["ETH", "EUR", 2, 4, 8, 0.8],
  ["USDC", "USDT", 4, 0, 16, 0.5],
  ["FDUSD", "USDT", 4, 0, 16, 0.5],
  ["EUR", "USDT", 4, 1, 8, 0.5],
  ["币安人生", "USDT", 4, 1, 12, 3],
];

function listing([base, quote, priceScale, quantityScale, weight, bps]: typeof TABLE[number]): Listing {
  const [baseAsset, quoteAsset] = [ASSETS[base]!, ASSETS[quote]!];
  const step = formatUnits(10n ** BigInt(DECIMALS - quantityScale), DECIMALS);
  const largest = Math.ceil(5e7 / baseAsset.price);
  return {
    info: {
      symbol: base + quote,
      baseAsset: base,
      quoteAsset: quote,
      tickSize: formatUnits(10n ** BigInt(DECIMALS - priceScale), DECIMALS),
      stepSize: step,
      minQty: step,
      maxQty: `${largest}.00000000`,
      minNotional: quote === "BTC" ? "0.00010000" : quote === "ETH" ? "0.00100000" : "5.00000000",
    },
    priceScale,
    quantityScale,
    base: baseAsset,
    quote: quoteAsset,
    weight,
    halfSpread: bps / 10_000,
  };
}

/** All markets of the engine, most traded first. */
export const LISTINGS: readonly Listing[] = TABLE.map(listing);

/** The markets of these symbols in the table's order; all of them for null. Throws `exchange.symbol` for unknown ones. */
export function selectListings(symbols: readonly string[] | null): readonly Listing[] {
  if (symbols === null) return LISTINGS;
  for (const symbol of symbols) {
    if (!LISTINGS.some((listing) => listing.info.symbol === symbol)) {
      throw new CandlewireError("exchange.symbol", `List a symbol on the exchange: "${symbol}"`, {
        hint: `Known symbols: ${LISTINGS.map((listing) => listing.info.symbol).join(", ")}`,
      });
    }
  }
  return LISTINGS.filter((listing) => symbols.includes(listing.info.symbol));
}
