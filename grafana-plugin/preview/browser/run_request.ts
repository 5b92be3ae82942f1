import {
  type DataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceApi,
  getDefaultTimeRange,
  LoadingState,
  type PanelData,
  toDataFrame,
} from "@grafana/data";
import { catchError, from, map, type Observable, of, startWith } from "rxjs";

/** A data source's answers as panel data: loading, then each packet, an error as an error. */
export function runRequest(
  dataSource: DataSourceApi,
  request: DataQueryRequest,
  query: DataSourceApi["query"] = dataSource.query.bind(dataSource),
): Observable<PanelData> {
  const timeRange = request.range ?? getDefaultTimeRange();
  const packets = new Map<string, DataFrame[]>();
  return from(query(request) as Observable<DataQueryResponse>).pipe(
    map((response): PanelData => {
      packets.set(response.key ?? "all", response.data.map((frame) => toDataFrame(frame)));
      const errors = response.errors ?? (response.error === undefined ? undefined : [response.error]);
      return {
        state: errors !== undefined && errors.length > 0
          ? LoadingState.Error
          : response.state ?? LoadingState.Done,
        series: [...packets.values()].flat(),
        errors,
        error: errors?.[0],
        request,
        timeRange,
      };
    }),
    catchError((error): Observable<PanelData> => {
      const message = error?.data?.message ?? error?.message ?? String(error);
      const problem = { message, status: error?.status };
      return of({
        state: LoadingState.Error,
        series: [],
        error: problem,
        errors: [problem],
        request,
        timeRange,
      });
    }),
    startWith<PanelData>({ state: LoadingState.Loading, series: [], request, timeRange }),
  );
}
