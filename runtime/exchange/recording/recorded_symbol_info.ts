import { formatUnits } from "../../market/decimal.ts";
import { DECIMALS } from "../fixed_text.ts";
import type { SymbolInfo } from "../market.ts";

/** What Binance's spot symbols are quoted in, longer names first. A recording does not tell. */
const QUOTES = [
  "FDUSD",
  "USDT",
  "USDC",
  "TUSD",
  "BUSD",
  "BIDR",
  "DAI",
  "EUR",
  "TRY",
  "BRL",
  "JPY",
  "GBP",
  "BTC",
  "ETH",
  "BNB",
];

/** A recorded symbol's rules as far as its frames show them: tick and lot are the smallest that hold every value. */
export function recordedSymbolInfo(symbol: string, priceScale: number, quantityScale: number): SymbolInfo {
  const quote = QUOTES.find((quote) => symbol.length > quote.length && symbol.endsWith(quote)) ?? "";
  const step = formatUnits(10n ** BigInt(DECIMALS - quantityScale), DECIMALS);
  return {
    symbol,
    baseAsset: quote === "" ? symbol : symbol.slice(0, -quote.length),
    quoteAsset: quote,
    tickSize: formatUnits(10n ** BigInt(DECIMALS - priceScale), DECIMALS),
    stepSize: step,
    minQty: step,
    maxQty: "9000000000.00000000",
    minNotional: "5.00000000",
  };
}
