import {
  AnnotationEventFieldMappingBuilder,
  AnnotationEventFieldSource,
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { notePanel, originPanel } from "./panels.ts";
import { market } from "./ways/market.ts";
import { targets, type Way } from "./ways/way.ts";

/**
 * Raised with every change of a dashboard. Grafana imports bundled dashboards again only when the plugin's version changes,
 * and finds them by the slug of their titles: titles stay.
 */
export const REVISION = 1;

/** The market that a dashboard opens with: the article's. */
export const FIRST_SYMBOL = "ETHUSDT";

/** What is particular to a dashboard before its panels. */
export type FrameOptions = {
  /** Of the title on our own data source; see {@linkcode dashboardUid}. */
  slug: string;
  title: string;
  description: string;
  /** A sentence or two for the reader, in Markdown. */
  note: string;
  from: string;
  refresh: string;
  /** Whether it shows one market, chosen by the reader. */
  symbol: boolean;
};

/** The uid of a dashboard: stable, for links and bookmarks hold it. */
export function dashboardUid(slug: string, way: Pick<Way, "key">): string {
  return ["candlewire", slug, ...(way.key === "" ? [] : [way.key])].join("-");
}

/** A dashboard with its variables, links and the strip that says whose numbers it shows; panels follow. */
export function frame(way: Way, options: FrameOptions): DashboardBuilder {
  const dashboard = new DashboardBuilder(`${options.title}${way.titleSuffix}`)
    .uid(dashboardUid(options.slug, way))
    .description(options.description)
    .tags(["candlewire", ...(way.key === "" ? [] : [`candlewire-${way.key}`])])
    .revision(REVISION)
    .version(REVISION)
    .timezone("browser")
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: options.from, to: "now" })
    .refresh(options.refresh)
    .withVariable(
      new DatasourceVariableBuilder("datasource").label("Data source").type(way.type)
        .current({ selected: true, text: way.name, value: way.uid }),
    )
    .link(
      new DashboardLinkBuilder("Candlewire").type(DashboardLinkType.Dashboards).tags(["candlewire"])
        .asDropdown(true).includeVars(true).keepTime(true).icon("external link").tooltip("").url("")
        .targetBlank(false),
    );
  if (options.symbol) {
    dashboard.withVariable(
      new QueryVariableBuilder("symbol").label("Market")
        .datasource({ type: way.type, uid: "${datasource}" })
        .query(way.symbols())
        .definition("Stored markets")
        .refresh(VariableRefresh.OnDashboardLoad)
        .sort(VariableSort.AlphabeticalAsc)
        .multi(false)
        .includeAll(false)
        .current({ selected: true, text: FIRST_SYMBOL, value: FIRST_SYMBOL }),
    );
  }
  if (way === market) dashboard.annotation(raisedAlerts());
  return dashboard.withPanel(originPanel(way)).withPanel(notePanel(`${options.note}\n\n${way.note}`));
}

/** Alerts that the pipeline itself raised, as marks on every graph. */
function raisedAlerts(): AnnotationQueryBuilder {
  const field = (value: string) =>
    new AnnotationEventFieldMappingBuilder().source(AnnotationEventFieldSource.Field).value(value);
  return new AnnotationQueryBuilder().name("Alerts of the pipeline").enable(true).hide(false).iconColor("red")
    .datasource({ type: market.type, uid: "${datasource}" })
    .target(targets(market, [{ kind: "alerts", format: "table", limit: 100 }])[0]!)
    .mappings({
      time: field("time"),
      title: field("rule"),
      text: field("text"),
      tags: field("symbol"),
    });
}
