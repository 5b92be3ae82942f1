import type { Dashboard, DashboardBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { MARKET_DASHBOARDS } from "./market_dashboards.ts";
import { OWN_DASHBOARDS } from "./own_dashboards.ts";
import { cassandra } from "./ways/cassandra.ts";
import { infinity } from "./ways/infinity.ts";
import { market } from "./ways/market.ts";
import type { Way } from "./ways/way.ts";

/** The ways in the order of the plugin's list of dashboards. */
export const WAYS: readonly Way[] = [market, cassandra, infinity];

/** A dashboard as it is bundled. */
export type BundledDashboard = { file: string; way: Way; dashboard: Dashboard };

/** Every bundled dashboard: the market's on each way, and those that only our own panels can show. Pure. */
export function catalogue(): BundledDashboard[] {
  return [
    ...OWN_DASHBOARDS.map((make) => bundled(market, make())),
    ...WAYS.flatMap((way) => MARKET_DASHBOARDS.map((make) => bundled(way, make(way)))),
  ];
}

function bundled(way: Way, builder: DashboardBuilder): BundledDashboard {
  const dashboard = builder.build();
  // Grafana numbers panels without an id anew at every load; links to a panel need theirs to stay.
  dashboard.panels?.forEach((panel, index) => panel.id = index + 1);
  // In the dashboard's own bar, not in a menu of it.
  for (const link of dashboard.links ?? []) delete link.placement;
  for (const annotation of dashboard.annotations?.list ?? []) delete annotation.placement;
  return { file: `${dashboard.uid!.replace(/^candlewire-/, "").replaceAll("-", "_")}.json`, way, dashboard };
}

/** A dashboard's file, byte by byte. */
export function textOf(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
