import type { Ticker } from '../api/types';

/** How the top markets are ranked. */
export const RANKINGS = [
  {
    value: 'quote_volume_usdt',
    label: 'Quote volume, USDT',
    note: '24 h, converted to USDT',
    help: 'Traded value of 24 h, converted to USDT: comparable between markets',
  },
  {
    value: 'volume',
    label: 'Raw volume',
    note: '24 h, each in its base asset',
    help: 'Traded quantity of 24 h in each base asset: a coin of small price ranks high',
  },
] as const;
export type Ranking = (typeof RANKINGS)[number]['value'];

export type TickerBar = {
  symbol: string;
  /** Exact text; null when no path to USDT is known. */
  volume: string | null;
  /** Of the largest, 0 to 1: for drawing. */
  share: number;
  ticker: Ticker;
};

/** Bars of the ranked markets, in the order of the answer. */
export function tickerBars(tickers: readonly Ticker[], ranking: Ranking): TickerBar[] {
  const most = Math.max(0, ...tickers.map((ticker) => Number(ticker[ranking] ?? 0)).filter(Number.isFinite));
  return tickers.map((ticker) => {
    const volume = ticker[ranking];
    const value = Number(volume ?? 0);
    return { symbol: ticker.symbol, volume, share: most > 0 && Number.isFinite(value) ? value / most : 0, ticker };
  });
}
