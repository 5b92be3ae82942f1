import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  type DashboardBuilder,
  MappingType,
  type Panel,
  PanelBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as BarGauge } from "@grafana/grafana-foundation-sdk/bargauge";
import {
  BarGaugeDisplayMode,
  ReduceDataOptionsBuilder,
  VizOrientation,
} from "@grafana/grafana-foundation-sdk/common";
import { frame } from "./frame.ts";
import { candlePanel, limits, tablePanel } from "./panels.ts";
import { market, marketQuery } from "./ways/market.ts";
import { type Query, targets } from "./ways/way.ts";

/** The dashboards that only our own data source and panels can show. */
export const OWN_DASHBOARDS: (() => DashboardBuilder)[] = [orderBook, pipelineHealth];

/** A panel of our own plugin, with its options as they are. */
function ownPanel(
  type: string,
  options: { title: string; description: string; query: Query; height: number; span: number },
): Builder<Panel> {
  return new PanelBuilder().type(type).title(options.title).description(options.description)
    .datasource({ type: market.type, uid: "${datasource}" })
    .targets(targets(market, [options.query]))
    .height(options.height).span(options.span);
}

function colored(words: Record<string, string>) {
  return [
    {
      id: "mappings",
      value: [{
        type: MappingType.ValueToText,
        options: Object.fromEntries(
          Object.entries(words).map(([word, color], index) => [word, { text: word, color, index }]),
        ),
      }],
    },
    { id: "custom.cellOptions", value: { type: "color-text" } },
  ];
}

function orderBook(): DashboardBuilder {
  return frame(market, {
    slug: "order-book",
    title: "Order book",
    description: "The live order book and trades of one market",
    note:
      "Moves by itself: books and trades are streamed as they are stored. A book that does not equal the exchange's is marked.",
    from: "now-15m",
    refresh: "",
    symbol: true,
  })
    .withPanel(ownPanel("candlewire-orderbook-panel", {
      title: "Order book of $symbol",
      description: "Depth on both sides, with spread and trust",
      query: marketQuery({ kind: "book", symbols: ["$symbol"], format: "book", limit: 100, live: true }),
      height: 20,
      span: 14,
    }))
    .withPanel(ownPanel("candlewire-tradetape-panel", {
      title: "Trades of $symbol",
      description: "Every trade as it is stored, with the side of the taker",
      query: marketQuery({ kind: "trades", symbols: ["$symbol"], format: "table", limit: 500, live: true }),
      height: 20,
      span: 10,
    }))
    .withPanel(
      candlePanel(market, market.candles(), {
        title: "$symbol, one minute",
        description: "Open, high, low, close and volume in the base asset",
      }).height(10).span(14),
    )
    .withPanel(
      tablePanel(market, {
        queries: [marketQuery({ kind: "completeness", symbols: ["$symbol"], format: "table" })],
      }, {
        title: "Gaps of $symbol",
        description:
          "Ranges of ids that did not come by the stream, with their cause and what became of them",
        empty: "Nothing is missing",
        columns: COMPLETENESS_COLUMNS,
      }).height(10).span(10),
    );
}

const COMPLETENESS_COLUMNS = [
  { name: "symbol", title: "Market" },
  { name: "kind", title: "What" },
  { name: "first_id", title: "From id", unit: "none" },
  { name: "last_id", title: "To id", unit: "none" },
  { name: "cause", title: "Cause" },
  { name: "state", title: "State", more: colored({ open: "orange", refilled: "green", lost: "red" }) },
  { name: "detected_at", title: "Detected", unit: "dateTimeAsIso" },
  { name: "updated_at", title: "As of", unit: "dateTimeAsIso" },
];

function pipelineHealth(): DashboardBuilder {
  const stages = (fields: string[]) => ({
    queries: [marketQuery({ kind: "pipeline", format: "table", fields })],
  });
  return frame(market, {
    slug: "pipeline-health",
    title: "Pipeline health",
    description: "Every stage from the exchange to the store: state, rate, lag, gaps, dead letters, alerts",
    note:
      "Each stage as the control API sees it now. Modules are started and stopped on the app's own pages.",
    from: "now-1h",
    refresh: "10s",
    symbol: false,
  })
    .withPanel(ownPanel("candlewire-pipeline-panel", {
      title: "The way of the data",
      description: "Stages with their state, rate and lag; arrows with what flows",
      query: marketQuery({ kind: "pipeline", format: "table", live: true }),
      height: 11,
      span: 24,
    }))
    .withPanel(
      tablePanel(
        market,
        stages([
          "title",
          "state",
          "detail",
          "rate",
          "rate_unit",
          "lag",
          "lag_unit",
          "latency_p50",
          "latency_p99",
          "rss_bytes",
          "cpu_percent",
          "restarts",
        ]),
        {
          title: "Stages",
          description: "Rates a second; latencies over the last minute",
          empty: "The control API does not answer",
          columns: [
            { name: "title", title: "Stage" },
            {
              name: "state",
              title: "State",
              more: colored({
                running: "green",
                starting: "blue",
                degraded: "orange",
                blocked: "red",
                stopped: "purple",
                failed: "red",
                unknown: "text",
              }),
            },
            { name: "detail", title: "Detail" },
            { name: "rate", title: "Rate", unit: "short" },
            { name: "rate_unit", title: "of, a second" },
            { name: "lag", title: "Lag", unit: "short" },
            { name: "lag_unit", title: "in" },
            { name: "latency_p50", title: "Latency p50", unit: "s" },
            { name: "latency_p99", title: "Latency p99", unit: "s" },
            { name: "rss_bytes", title: "Memory", unit: "bytes" },
            { name: "cpu_percent", title: "CPU of one core", unit: "percent" },
            { name: "restarts", title: "Restarts", unit: "none" },
          ],
        },
      ).height(10).span(16),
    )
    .withPanel(
      new BarGauge().title("Rates, a second").description("What each stage takes in, over the last seconds")
        .datasource({ type: market.type, uid: "${datasource}" })
        .targets(targets(market, stages(["title", "rate"]).queries))
        .reduceOptions(new ReduceDataOptionsBuilder().values(true).calcs([]).fields("/^rate$/"))
        .orientation(VizOrientation.Horizontal)
        .displayMode(BarGaugeDisplayMode.Basic)
        .unit("short").min(0).thresholds(limits())
        .height(10).span(8),
    )
    .withPanel(
      tablePanel(market, { queries: [marketQuery({ kind: "completeness", format: "table" })] }, {
        title: "Gaps",
        description: "Ranges of ids that did not come by the stream: being refilled, refilled, or lost",
        empty: "Nothing is missing",
        columns: COMPLETENESS_COLUMNS,
      }).height(9).span(12),
    )
    .withPanel(
      tablePanel(market, { queries: [marketQuery({ kind: "deadLetters", format: "table", limit: 100 })] }, {
        title: "Dead letters",
        description:
          "Records that could not be stored, with their cause; retry or drop them on the app's page",
        empty: "No dead letter",
        columns: [
          { name: "topic", title: "Topic" },
          { name: "partition", title: "Partition", unit: "none" },
          { name: "offset", title: "Offset", unit: "none" },
          { name: "code", title: "Code" },
          { name: "message", title: "Why" },
          { name: "attempts", title: "Attempts", unit: "none" },
          { name: "first_failed_at", title: "First failed", unit: "dateTimeAsIso" },
          { name: "last_failed_at", title: "Last failed", unit: "dateTimeAsIso" },
          { name: "id", title: "Id", hidden: true },
          { name: "key", title: "Key", hidden: true },
          { name: "value", title: "Payload", hidden: true },
        ],
      }).height(9).span(12),
    )
    .withPanel(
      tablePanel(market, { queries: [marketQuery({ kind: "alerts", format: "table", limit: 100 })] }, {
        title: "Alerts that the pipeline raised",
        description:
          "Rules of the pipeline itself, such as a price that moved; Grafana's own rules are beside them",
        empty: "No alert",
        columns: [
          { name: "time", title: "Raised", unit: "dateTimeAsIso" },
          { name: "rule", title: "Rule" },
          { name: "symbol", title: "Market" },
          { name: "text", title: "What" },
          { name: "delivered", title: "Delivered" },
          { name: "id", title: "Id", hidden: true },
          { name: "evidence", title: "Evidence", hidden: true },
        ],
      }).height(9).span(16),
    )
    .withPanel(
      tablePanel(market, stages(["stage", "label", "value", "unit"]), {
        title: "Figures of the stages",
        description:
          "What a stage tells beyond its rate and lag, such as the WAL that the replication slot holds back",
        empty: "The control API does not answer",
        columns: [
          { name: "stage", title: "Stage" },
          { name: "label", title: "Figure" },
          { name: "value", title: "Value", unit: "short" },
          { name: "unit", title: "in" },
        ],
      }).height(9).span(8),
    );
}
