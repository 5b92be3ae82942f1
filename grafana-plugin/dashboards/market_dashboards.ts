import type { DashboardBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { frame } from "./frame.ts";
import { candlePanel, seriesPanel, statPanel, tablePanel, topPanel } from "./panels.ts";
import { DRAWN_WINDOWS, type Way } from "./ways/way.ts";

/** The dashboards of the market, each over any way to the stored market. */
export const MARKET_DASHBOARDS: ((way: Way) => DashboardBuilder)[] = [
  topTen,
  tradeCounts,
  priceAndVolume,
  volatility,
];

const WINDOW_NAMES: Record<typeof DRAWN_WINDOWS[number], string> = {
  "1m": "One minute",
  "5m": "Five minutes",
  "1h": "One hour",
};

function topTen(way: Way): DashboardBuilder {
  const tickers = way.tickers();
  const { columns } = tickers;
  return frame(way, {
    slug: "top-10",
    title: "Top 10 most traded",
    description: "The ten markets with most volume in the last 24 hours",
    note:
      "The last 24 hours of each market, whatever the time range. Markets are ranked by what was paid, in USDT: volumes in " +
      "coins say nothing between coins. The ranking by raw volume is below.",
    from: "now-24h",
    refresh: way.marketsRefresh,
    symbol: false,
  })
    .withPanel(
      topPanel(way, way.topByQuoteVolume(), {
        title: "By volume in USDT",
        description: "Quote volume of 24 hours, in USDT",
        unit: "short",
        label: "Volume, USDT",
      }).height(11).span(24),
    )
    .withPanel(
      topPanel(way, way.topByVolume(), {
        title: "By raw volume, in coins",
        description:
          "SELECT symbol, volume FROM crypto_24h_stats: volume in units of each market's own base " +
          "asset. A coin worth a thousandth of a cent wins.",
        unit: "short",
        label: "Volume, base asset",
      }).height(11).span(10),
    )
    .withPanel(
      tablePanel(way, tickers, {
        title: "The ten by volume in USDT",
        description: "Rolling statistics of 24 hours",
        empty: "No market is stored yet",
        columns: [
          { name: columns.symbol, title: "Market" },
          { name: columns.lastPrice, title: "Last price" },
          { name: columns.change, title: "Change", unit: "percent" },
          { name: columns.high, title: "High" },
          { name: columns.low, title: "Low" },
          { name: columns.volume, title: "Volume, base asset", unit: "short" },
          { name: columns.quoteVolume, title: "Volume, USDT", unit: "short" },
          { name: columns.updatedAt, title: "As of", unit: "dateTimeAsIso" },
        ],
      }).height(11).span(14),
    );
}

function tradeCounts(way: Way): DashboardBuilder {
  const counts = way.tradeCounts();
  return frame(way, {
    slug: "trade-count",
    title: "Trade count overview",
    description: "How many trades a minute one market has",
    note: "Trades of each minute, as the exchange counts them in its candles.",
    from: "now-3h",
    refresh: "10s",
    symbol: true,
  })
    .withPanel(
      seriesPanel(way, counts, {
        title: "Trades a minute, $symbol",
        description: "number_of_trades of the one-minute candles; the last one is still growing",
        unit: "short",
        names: ["Trades"],
        bars: true,
      }).height(12).span(24),
    )
    .withPanel(
      statPanel(way, counts, {
        title: "Trades in the time range",
        description: "Sum over the candles that are stored",
        unit: "short",
        calc: "sum",
      }).height(4).span(8),
    )
    .withPanel(
      statPanel(way, counts, {
        title: "Most in a minute",
        description: "Largest count of one candle",
        unit: "short",
        calc: "max",
      }).height(4).span(8),
    )
    .withPanel(
      statPanel(way, counts, {
        title: "This minute",
        description: "Count of the newest candle, which is still growing",
        unit: "short",
        calc: "lastNotNull",
      }).height(4).span(8),
    );
}

function priceAndVolume(way: Way): DashboardBuilder {
  return frame(way, {
    slug: "price-volume",
    title: "Price and volume",
    description: "Candles, volume and every stored price of one market",
    note:
      "Candles of one minute with their volume in the base asset, what was paid a minute, and each price change as it was stored.",
    from: "now-3h",
    refresh: "10s",
    symbol: true,
  })
    .withPanel(
      candlePanel(way, way.candles(), {
        title: "$symbol, one minute",
        description: "Open, high, low, close and volume in the base asset",
      }).height(13).span(24),
    )
    .withPanel(
      seriesPanel(way, way.quoteVolumes(), {
        title: "Paid a minute, in the quote asset",
        description: "Quote volume of the one-minute candles",
        unit: "short",
        names: ["Quote volume"],
        bars: true,
      }).height(9).span(12),
    )
    .withPanel(
      seriesPanel(way, way.prices(), {
        title: "Price",
        description:
          "Each stored price change; at most the newest 5,000 of the time range on our own data source and Infinity",
        unit: "none",
        names: ["Price"],
      }).height(9).span(12),
    );
}

function volatility(way: Way): DashboardBuilder {
  return frame(way, {
    slug: "volatility",
    title: "Volatility",
    description: "Realised volatility of one market, from its trades",
    note:
      "Realised volatility: the root of the sum of squared log returns within each window, from every stored trade. It is of the " +
      "window, not annualised. A window whose price did not move has 0; one without trades has no point.",
    from: "now-6h",
    refresh: "10s",
    symbol: true,
  })
    .withPanel(
      seriesPanel(way, way.volatility(), {
        title: "Realised volatility of $symbol by window",
        description: "0.1 % means that the price typically moved a thousandth within the window",
        unit: "percentunit",
        names: DRAWN_WINDOWS.map((window) => WINDOW_NAMES[window]),
      }).height(12).span(24),
    )
    .withPanel(
      seriesPanel(way, way.vwap(), {
        title: "Volume weighted average price, by minute",
        description: "Quote volume divided by volume of the trades of each minute",
        unit: "none",
        names: ["VWAP"],
      }).height(9).span(12),
    )
    .withPanel(
      candlePanel(way, way.candles(), {
        title: "$symbol, one minute",
        description: "Open, high, low, close and volume in the base asset",
      }).height(9).span(12),
    );
}
