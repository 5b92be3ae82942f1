import { PanelBuilder as BarChart } from "@grafana/grafana-foundation-sdk/barchart";
import {
  CandlestickFieldMapBuilder,
  PanelBuilder as Candlestick,
  VizDisplayMode,
} from "@grafana/grafana-foundation-sdk/candlestick";
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
} from "@grafana/grafana-foundation-sdk/common";
import {
  type DataTransformerConfig,
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as Stat } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as Table } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as Text, TextMode } from "@grafana/grafana-foundation-sdk/text";
import { PanelBuilder as TimeSeries } from "@grafana/grafana-foundation-sdk/timeseries";
import {
  type CandleColumns,
  ORIGIN_WORDS,
  type Question,
  type SeriesColumns,
  targets,
  type TopColumns,
  type Way,
} from "./ways/way.ts";

/** The kinds of panels that the dashboards are made of. Sizes are those of Grafana's grid of 24 columns. */

type Source = Pick<Way, "type">;

/** What a reader sees over a panel and behind its mark of information. */
export type Caption = { title: string; description: string };

/** The part of every panel builder that all kinds share. */
type AnyPanel = Stat | Table | BarChart | Candlestick | TimeSeries;

function asked<P extends AnyPanel>(
  panel: P,
  way: Source,
  question: { queries: Question<string>["queries"]; transformations?: DataTransformerConfig[] },
  caption: Caption,
): P {
  panel.title(caption.title).description(caption.description)
    .datasource({ type: way.type, uid: "${datasource}" })
    .targets(targets(way, question.queries));
  if (question.transformations !== undefined) panel.transformations(question.transformations);
  return panel;
}

/** Whose numbers these are (I8): "Live: Binance", or SIMULATED and by what, from the data itself. */
export function originPanel(way: Way): Stat {
  const question = way.origin();
  return asked(new Stat(), way, question, {
    title: "Whose numbers these are",
    description: "Anything but the live market is simulated.",
  })
    .reduceOptions(
      new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).fields(`/^${question.columns.origin}$/`).values(
        false,
      ),
    )
    .textMode(BigValueTextMode.Value)
    .graphMode(BigValueGraphMode.None)
    .colorMode(BigValueColorMode.Background)
    .mappings([{
      type: MappingType.ValueToText,
      options: Object.fromEntries(
        Object.entries(ORIGIN_WORDS).map((
          [value, { text, color }],
          index,
        ) => [value, { text, color, index }]),
      ),
    }])
    .noValue("Origin unknown: take the numbers for simulated")
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor("red"))
    .height(4).span(8);
}

/** What a dashboard shows and where it comes from. */
export function notePanel(markdown: string): Text {
  return new Text().title("").mode(TextMode.Markdown).content(markdown).transparent(true).height(4).span(16);
}

/** The largest markets as bars, the largest first. */
export function topPanel(
  way: Source,
  question: Question<TopColumns>,
  options: Caption & { unit: string; label: string },
): BarChart {
  return asked(new BarChart(), way, question, options)
    .xField(question.columns.symbol)
    .orientation(VizOrientation.Horizontal)
    .showValue(VisibilityMode.Always)
    .legend(legend(false))
    .unit(options.unit)
    .min(0)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .overrideByName(question.columns.value, [{ id: "displayName", value: options.label }]);
}

/** Options of {@linkcode seriesPanel}: `names` are the series' names by query; `bars` are for counts and volumes. */
export type SeriesOptions = Caption & { unit: string; names: string[]; bars?: boolean };

/** Numbers over time, one series a query. */
export function seriesPanel(
  way: Source,
  question: Question<SeriesColumns>,
  options: SeriesOptions,
): TimeSeries {
  const panel = asked(new TimeSeries(), way, question, options)
    .drawStyle(options.bars ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(options.bars ? 60 : 0)
    .showPoints(VisibilityMode.Auto)
    .legend(legend(options.names.length > 1))
    .unit(options.unit);
  if (options.bars) panel.min(0);
  options.names.forEach((name, index) => {
    panel.overrideByQuery(String.fromCharCode("A".charCodeAt(0) + index), [{
      id: "displayName",
      value: name,
    }]);
  });
  return panel;
}

/** Candles with their volume. */
export function candlePanel(way: Source, question: Question<CandleColumns>, options: Caption): Candlestick {
  const { open, high, low, close, volume } = question.columns;
  return asked(new Candlestick(), way, question, options)
    .mode(VizDisplayMode.CandlesVolume)
    .fields(new CandlestickFieldMapBuilder().open(open).high(high).low(low).close(close).volume(volume))
    .legend(legend(false));
}

/** A number of the whole time range. */
export function statPanel(
  way: Source,
  question: Question<SeriesColumns>,
  options: Caption & { unit: string; calc: "sum" | "max" | "lastNotNull" },
): Stat {
  return asked(new Stat(), way, question, options)
    .reduceOptions(
      new ReduceDataOptionsBuilder().calcs([options.calc]).fields(`/^${question.columns.value}$/`).values(
        false,
      ),
    )
    .textMode(BigValueTextMode.Value)
    .graphMode(BigValueGraphMode.None)
    .unit(options.unit);
}

/** How a column of a table looks. */
export type TableColumn = {
  name: string;
  title: string;
  unit?: string;
  width?: number;
  hidden?: boolean;
  more?: DynamicConfigValue[];
};

/** Rows as they come. */
export function tablePanel(
  way: Source,
  question: { queries: Question<string>["queries"]; transformations?: DataTransformerConfig[] },
  options: Caption & { columns: TableColumn[]; empty: string },
): Table {
  const panel = asked(new Table(), way, question, options).showHeader(true).noValue(options.empty);
  for (const { name, title, unit, width, hidden, more } of options.columns) {
    panel.overrideByName(name, [
      { id: "displayName", value: title },
      ...(unit === undefined ? [] : [{ id: "unit", value: unit }]),
      ...(width === undefined ? [] : [{ id: "custom.width", value: width }]),
      ...(hidden ? [{ id: "custom.hidden", value: true }] : []),
      ...(more ?? []),
    ]);
  }
  return panel;
}

/** Green below the first limit, then the colours of the limits reached. */
export function limits(...steps: [value: number, color: string][]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
    { value: null, color: "green" },
    ...steps.map(([value, color]) => ({ value, color })),
  ]);
}

/** A legend below the panel, or none. */
export function legend(shown: boolean): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder().showLegend(shown)
    .displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).calcs([]);
}
