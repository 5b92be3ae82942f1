import React from 'react';
import type { QueryEditorProps } from '@grafana/data';
import { Combobox, InlineField, Stack } from '@grafana/ui';
import type { MarketDataSource } from './DataSource';
import { KIND_OPTIONS } from './kind_options';
import type { MarketOptions, MarketQuery, MarketVariableQuery } from './types';
import { parseVariableQuery, variableProblem, type VariableQueryModel } from './variable_query';

const WHAT: Array<{ value: VariableQueryModel['kind']; label: string; description: string }> = [
  { value: 'symbols', label: 'Symbols', description: 'The stored markets' },
  { value: 'columns', label: 'Columns', description: 'The columns of a kind of query' },
  { value: 'values', label: 'Values', description: 'The values of a column' },
];

type Props = QueryEditorProps<MarketDataSource, MarketQuery, MarketOptions, MarketVariableQuery>;

/** What a dashboard variable lists. */
export function VariableQueryEditor({ datasource, query, onChange }: Props) {
  const model = parseVariableQuery(query);
  const problem = variableProblem(model);
  const change = (changed: Partial<VariableQueryModel>) =>
    onChange({ ...parseVariableQuery({ ...model, ...changed }), refId: query?.refId ?? 'variable' });
  const columns = async () =>
    (await datasource.resources.columns(model.of ?? 'tickers')).map(({ name, type }) => ({ value: name, label: name, description: type }));
  return (
    <Stack direction="row" wrap="wrap" gap={0.5}>
      <InlineField label="List" labelWidth={12}>
        <Combobox id="variable-kind" aria-label="List" options={WHAT} value={model.kind} width={24} onChange={({ value }) => change({ kind: value })} />
      </InlineField>
      {model.kind !== 'symbols' && (
        <InlineField label="Of" labelWidth={12} tooltip="The kind of query whose columns are meant">
          <Combobox
            id="variable-of"
            aria-label="Of kind"
            options={KIND_OPTIONS.filter(({ value }) => value !== 'cql')}
            value={model.of ?? 'tickers'}
            width={24}
            onChange={({ value }) => change({ of: value })}
          />
        </InlineField>
      )}
      {model.kind === 'values' && (
        <InlineField label="Column" labelWidth={12} invalid={problem !== undefined} error={problem}>
          <Combobox
            key={model.of}
            id="variable-column"
            aria-label="Column"
            options={columns}
            value={model.column ? { value: model.column, label: model.column } : null}
            createCustomValue
            width={24}
            onChange={({ value }) => change({ column: value })}
          />
        </InlineField>
      )}
    </Stack>
  );
}
