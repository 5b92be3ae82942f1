import {
  CoreApp,
  dataFrameFromJSON,
  type DataFrameJSON,
  type DataQueryRequest,
  dateMath,
  type DateTime,
  type FieldConfigSource,
  LoadingState,
  type PanelData,
} from "@grafana/data";
import { getDataSourceSrv } from "@grafana/runtime";
import { useEffect, useMemo, useState } from "react";
import { PanelView } from "./panel_view.tsx";
import { runRequest } from "./run_request.ts";

/** What each panel asks the data source for unless the address says otherwise. */
const QUERIES: Record<string, Record<string, unknown>> = {
  "candlewire-orderbook-panel": { kind: "book", symbols: ["BTCUSDT"], format: "book", live: true },
  "candlewire-tradetape-panel": { kind: "trades", symbols: ["BTCUSDT"], format: "table", live: true },
  "candlewire-pipeline-panel": { kind: "pipeline", format: "table", live: true },
};

/**
 * A panel on a page of its own, fed by the data source. The address may hold `symbol`, and as JSON `query`, `options` and
 * `fieldConfig`; `from` and `to` as Grafana writes times; `refresh` asks again each so many ms, as a dashboard does; `width`, `height`
 * in pixels. `frames`, JSON as Grafana's API answers them, stand in place of the data source's.
 */
export function PanelPage({ pluginId, name }: { pluginId: string; name: string }) {
  const search = useMemo(() => new URLSearchParams(location.search), []);
  const options = useMemo(() => parsed(search, "options"), [search]);
  const fieldConfig = useMemo(() => parsed(search, "fieldConfig") as FieldConfigSource | undefined, [search]);
  const [data, setData] = useState<PanelData>();
  useEffect(() => {
    let round: { unsubscribe(): void } | undefined;
    const ask = async () => {
      const dataSource = await getDataSourceSrv().get();
      const from = search.get("from") ?? "now-15m";
      const to = search.get("to") ?? "now";
      const [start, end] = [dateMath.parse(from) as DateTime, dateMath.parse(to, true) as DateTime];
      const symbol = search.get("symbol");
      const request = {
        requestId: `panel-${pluginId}`,
        app: CoreApp.Dashboard,
        timezone: "browser",
        startTime: Date.now(),
        interval: "1s",
        intervalMs: 1000,
        maxDataPoints: 1000,
        scopedVars: {},
        range: { from: start, to: end, raw: { from, to } },
        targets: [{
          refId: "A",
          datasource: { uid: dataSource.uid, type: dataSource.type },
          ...QUERIES[pluginId],
          ...symbol === null ? {} : { symbols: [symbol] },
          ...parsed(search, "query"),
        }],
      } as unknown as DataQueryRequest;
      round?.unsubscribe();
      const frames = search.get("frames");
      if (frames !== null) {
        const series = (JSON.parse(frames) as DataFrameJSON[]).map(dataFrameFromJSON);
        const data = { state: LoadingState.Done, series, timeRange: request.range };
        // Without the query, as if another data source had answered.
        setData({ ...data, request: { ...request, targets: [] } });
        return;
      }
      round = runRequest(dataSource, request).subscribe(setData);
    };
    void ask();
    const refresh = Number(search.get("refresh") ?? 0);
    const timer = refresh > 0 ? setInterval(() => void ask(), refresh) : undefined;
    return () => {
      clearInterval(timer);
      round?.unsubscribe();
    };
  }, [pluginId, search]);
  const width = Number(search.get("width") ?? 900);
  const height = Number(search.get("height") ?? 480);
  return (
    <section aria-label={name} style={{ width, height, overflow: "hidden", position: "relative" }}>
      <PanelView
        pluginId={pluginId}
        title={name}
        data={data}
        options={options}
        fieldConfig={fieldConfig}
        width={width}
        height={height}
      />
    </section>
  );
}

function parsed(search: URLSearchParams, name: string): Record<string, unknown> | undefined {
  const text = search.get(name);
  return text === null ? undefined : JSON.parse(text) as Record<string, unknown>;
}
