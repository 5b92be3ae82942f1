import type { DataQuery } from '@grafana/schema';
import type { DataSourceJsonData } from '@grafana/data';
import type { MarketDataSourceOptions, MarketQueryModel } from './query';
import type { VariableQueryModel } from './variable_query';

/** A query as Grafana holds it. */
export type MarketQuery = MarketQueryModel & DataQuery;
/** A variable's query as Grafana holds it. */
export type MarketVariableQuery = VariableQueryModel & DataQuery;
/** The data source's settings as Grafana holds them. */
export type MarketOptions = MarketDataSourceOptions & DataSourceJsonData;

/** A column as the resources `columns` and `keyspace` tell it. */
export type ColumnInfo = { name: string; type: string };
/** A table as the resource `keyspace` tells it. */
export type TableInfo = { name: string; columns: ColumnInfo[] };
