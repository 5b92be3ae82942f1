import type { ComponentType } from 'react';
import { CustomVariableSupport, type DataQueryRequest, type DataQueryResponse, type QueryEditorProps } from '@grafana/data';
import { getTemplateSrv } from '@grafana/runtime';
import { from, map, type Observable } from 'rxjs';
import type { MarketDataSource } from './DataSource';
import type { MarketOptions, MarketQuery, MarketVariableQuery } from './types';
import { parseVariableQuery } from './variable_query';
import { VariableQueryEditor } from './VariableQueryEditor';

/** Dashboard variables: their editor, and their values by the backend's resources. */
export class MarketVariables extends CustomVariableSupport<MarketDataSource, MarketVariableQuery> {
  #source: MarketDataSource;
  // Grafana's own type asks for an editor of any data source, which no editor is.
  editor: ComponentType<QueryEditorProps<any, MarketQuery, MarketOptions, any>> = VariableQueryEditor;

  constructor(source: MarketDataSource) {
    super();
    this.#source = source;
  }

  query(request: DataQueryRequest<MarketVariableQuery>): Observable<DataQueryResponse> {
    const query = parseVariableQuery(request.targets[0]);
    const column = query.column === undefined ? undefined : getTemplateSrv().replace(query.column, request.scopedVars);
    return from(this.#source.metricFindQuery({ ...query, column })).pipe(map((data) => ({ data })));
  }
}
