import {
  CoreApp,
  StreamingFrameAction,
  type AdHocVariableFilter,
  type AnnotationSupport,
  type DataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceGetTagKeysOptions,
  type DataSourceGetTagValuesOptions,
  type DataSourceInstanceSettings,
  type MetricFindValue,
  type ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type StreamOptionsProvider } from '@grafana/runtime';
import { map, type Observable } from 'rxjs';
import { interpolateQuery } from './interpolate';
import { DEFAULT_LIMIT, type QueryKind } from './query';
import { Resources } from './resources';
import { onceARow } from './stream_rows';
import type { MarketOptions, MarketQuery } from './types';
import { isUnwritten } from './unwritten_query';
import { parseVariableQuery } from './variable_query';
import { MarketVariables } from './variables';

/** Rows of a live frame at most, whatever the query's limit: Grafana keeps them in the browser. */
const MOST_LIVE_ROWS = 20_000;

/**
 * The browser's side of the data source. Queries go to the backend; a frame with `meta.channel` goes on as a stream, which
 * Grafana follows by itself.
 */
export class MarketDataSource extends DataSourceWithBackend<MarketQuery, MarketOptions> {
  readonly resources: Resources;
  annotations: AnnotationSupport<MarketQuery> = {
    getDefaultQuery: () => ({ kind: 'alerts', format: 'table' }),
  };

  constructor(settings: DataSourceInstanceSettings<MarketOptions>) {
    super(settings);
    this.resources = new Resources((path, params) => this.getResource(path, params));
    this.variables = new MarketVariables(this);
  }

  /** What a new query asks: the ranking on a dashboard, one market's prices where a time series is wanted. */
  getDefaultQuery(app: CoreApp): Partial<MarketQuery> {
    return app === CoreApp.Explore || app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting
      ? { kind: 'prices', format: 'timeseries', symbols: ['BTCUSDT'] }
      : { kind: 'tickers', format: 'table' };
  }

  /**
   * False for a query that is not written yet (no symbol, no CQL). Others that cannot be run are sent: the backend's answer
   * names what is wrong, where a query left out would be a blank panel.
   */
  filterQuery(query: MarketQuery): boolean {
    return !isUnwritten(query);
  }

  applyTemplateVariables(query: MarketQuery, scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): MarketQuery {
    const templates = getTemplateSrv();
    return interpolateQuery(query, (text, format) => templates.replace(text, scopedVars, format), filters);
  }

  query(request: DataQueryRequest<MarketQuery>): Observable<DataQueryResponse> {
    const kinds = new Map(request.targets.map(({ refId, kind }) => [refId, kind]));
    const once = (frame: DataFrame) => {
      const kind = kinds.get(frame.refId ?? '');
      return frame.meta?.channel === undefined || kind === undefined ? frame : onceARow(kind, frame);
    };
    return super.query(request).pipe(map((response) => ({ ...response, data: response.data.map(once) })));
  }

  /** A book and the pipeline's state are replaced by each message; the others grow. */
  streamOptionsProvider: StreamOptionsProvider<MarketQuery> = (request, frame) => {
    const query = request.targets.find(({ refId }) => refId === frame.refId);
    if (query?.kind === 'book' || query?.kind === 'pipeline') {
      return { maxLength: MOST_LIVE_ROWS, action: StreamingFrameAction.Replace };
    }
    const limit = query === undefined ? 0 : (query.limit ?? DEFAULT_LIMIT[query.kind]);
    const range = request.range.to.valueOf() - request.range.from.valueOf();
    return {
      maxLength: Math.min(MOST_LIVE_ROWS, Math.max(request.maxDataPoints ?? 500, limit)),
      action: StreamingFrameAction.Append,
      ...(request.rangeRaw?.to === 'now' ? { maxDelta: range } : {}),
    };
  };

  /** Values of a dashboard variable. Rejects when the backend does not answer. */
  async metricFindQuery(saved: unknown): Promise<MetricFindValue[]> {
    const query = parseVariableQuery(saved);
    const kind = query.of ?? 'tickers';
    if (query.kind === 'symbols') {
      return named(await this.resources.symbols());
    }
    if (query.kind === 'columns') {
      return named((await this.resources.columns(kind)).map(({ name }) => name));
    }
    return query.column === undefined || query.column === '' ? [] : named(await this.resources.values(query.column, kind));
  }

  /** Keys of ad-hoc filters: the columns of the dashboard's queries. */
  async getTagKeys(options?: DataSourceGetTagKeysOptions<MarketQuery>): Promise<MetricFindValue[]> {
    const lists = await Promise.all(kindsOf(options?.queries).map((kind) => this.resources.columns(kind)));
    return named([...new Set(lists.flat().map(({ name }) => name))]);
  }

  /** Values of an ad-hoc filter's key. */
  async getTagValues(options: DataSourceGetTagValuesOptions<MarketQuery>): Promise<MetricFindValue[]> {
    const lists = await Promise.all(kindsOf(options.queries).map((kind) => this.resources.values(options.key, kind)));
    return named([...new Set(lists.flat())]);
  }
}

/** CQL's columns are those of its table, which only the backend knows once it ran: they are no keys. */
function kindsOf(queries: readonly MarketQuery[] | undefined): QueryKind[] {
  const kinds = new Set((queries ?? []).map(({ kind }) => kind).filter((kind) => kind !== undefined && kind !== 'cql'));
  return kinds.size === 0 ? ['tickers'] : [...kinds];
}

function named(texts: readonly string[]): MetricFindValue[] {
  return texts.map((text) => ({ text, value: text }));
}
