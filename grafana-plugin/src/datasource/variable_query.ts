/** Queries of dashboard variables. Pure; saved dashboards hold these objects: extend, do not rename. */
import { QUERY_KINDS, type QueryKind } from './query.ts';

/** `symbols`: the stored markets. `columns`: the columns of a kind. `values`: the values of a kind's column. */
export type VariableQueryModel = {
  kind: 'symbols' | 'columns' | 'values';
  /** Of which kind of query; for `columns` and `values`. Default `tickers`. */
  of?: QueryKind;
  /** For `values`. */
  column?: string;
};

/** A saved query in any form it was ever saved in (an object, or its kind as text); the symbols when it is none of them. */
export function parseVariableQuery(saved: unknown): VariableQueryModel {
  if (typeof saved === 'string') {
    const [kind, of, column] = saved.trim().split(/\s+/);
    return known({ kind, of, column });
  }
  return known((saved ?? {}) as Record<string, unknown>);
}

function known({ kind, of, column }: Record<string, unknown>): VariableQueryModel {
  const model: VariableQueryModel = { kind: kind === 'columns' || kind === 'values' ? kind : 'symbols' };
  if (model.kind !== 'symbols') {
    model.of = QUERY_KINDS.includes(of as QueryKind) ? (of as QueryKind) : 'tickers';
  }
  if (model.kind === 'values') {
    model.column = typeof column === 'string' ? column : '';
  }
  return model;
}

/** What is wrong with it, in words, or undefined. */
export function variableProblem(query: VariableQueryModel): string | undefined {
  return query.kind === 'values' && (query.column ?? '').trim() === '' ? 'No column; choose the one whose values are wanted' : undefined;
}
