import React from 'react';
import { Button, Combobox, IconButton, InlineField, Stack } from '@grafana/ui';
import type { MarketDataSource } from './DataSource';
import { FILTER_OPERATORS, type FilterOperator, type QueryKind, type RowFilter } from './query';

const OPERATOR_WORDS: Record<FilterOperator, string> = {
  '=': 'is',
  '!=': 'is not',
  '<': 'below',
  '<=': 'at most',
  '>': 'above',
  '>=': 'at least',
  '=~': 'matches the pattern',
  '!~': 'does not match the pattern',
};
const OPERATORS = FILTER_OPERATORS.map((value) => ({ value, label: value, description: OPERATOR_WORDS[value] }));

/** Filters of this query: rows that do not pass are left out before the limit counts. */
export function FilterRows(props: {
  datasource: MarketDataSource;
  kind: QueryKind;
  filters: readonly RowFilter[];
  problem?: string;
  onChange: (filters: RowFilter[] | undefined) => void;
}) {
  const { datasource, kind, filters, problem, onChange } = props;
  const set = (at: number, changed: Partial<RowFilter>) => onChange(filters.map((filter, index) => (index === at ? { ...filter, ...changed } : filter)));
  const columns = async () =>
    kind === 'cql' ? [] : (await datasource.resources.columns(kind)).map(({ name, type }) => ({ value: name, label: name, description: type }));
  return (
    <InlineField
      label="Filters"
      labelWidth={12}
      tooltip="Rows that do not pass are left out, before the limit counts. Ad-hoc filters of the dashboard are added to these."
      invalid={problem !== undefined}
      error={problem}
    >
      <Stack direction="column" gap={0.5}>
        {filters.map((filter, at) => (
          <Stack key={at} direction="row" gap={0.5} alignItems="center">
            <Combobox
              aria-label={`Filter ${at + 1}, column`}
              options={columns}
              createCustomValue
              width={24}
              placeholder="column"
              value={filter.key === '' ? null : { value: filter.key, label: filter.key }}
              onChange={({ value }) => set(at, { key: value })}
            />
            <Combobox
              aria-label={`Filter ${at + 1}, operator`}
              options={OPERATORS}
              width={10}
              value={filter.operator}
              onChange={({ value }) => set(at, { operator: value })}
            />
            <Combobox
              key={filter.key}
              aria-label={`Filter ${at + 1}, value`}
              options={async () => (filter.key === '' || kind === 'cql' ? [] : (await datasource.resources.values(filter.key, kind)).map((value) => ({ value, label: value })))}
              createCustomValue
              width={24}
              placeholder="value"
              value={filter.value === '' ? null : { value: filter.value, label: filter.value }}
              onChange={({ value }) => set(at, { value })}
            />
            <IconButton
              name="trash-alt"
              aria-label={`Remove filter ${at + 1}`}
              tooltip="Remove"
              onClick={() => onChange(filters.length === 1 ? undefined : filters.filter((_, index) => index !== at))}
            />
          </Stack>
        ))}
        <div>
          <Button size="sm" variant="secondary" icon="plus" onClick={() => onChange([...filters, { key: '', operator: '=', value: '' }])}>
            Add filter
          </Button>
        </div>
      </Stack>
    </InlineField>
  );
}
