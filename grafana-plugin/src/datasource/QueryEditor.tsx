import React from 'react';
import { CoreApp, type QueryEditorProps } from '@grafana/data';
import { Combobox, InlineField, InlineSwitch, Input, MultiCombobox, Stack } from '@grafana/ui';
import { CqlEditor } from './CqlEditor';
import type { MarketDataSource } from './DataSource';
import { FilterRows } from './FilterRows';
import { KIND_OPTIONS, ORDER_OPTIONS, SOURCE_OPTIONS, WINDOW_OPTIONS, formatOptions } from './kind_options';
import { DEFAULT_LIMIT, FORMATS_OF, LIVE_KINDS, SYMBOL_KINDS, checkQuery, type MarketQueryModel } from './query';
import { symbolOptions } from './symbol_options';
import type { MarketOptions, MarketQuery } from './types';

const LABEL = 12;
const WIDTH = 28;

/** The query builder. Each problem of the query stands at its field. */
export function QueryEditor(props: QueryEditorProps<MarketDataSource, MarketQuery, MarketOptions>) {
  const { datasource, onChange, onRunQuery, app } = props;
  const query: MarketQuery = { ...props.query, kind: props.query.kind ?? 'tickers' };
  const { kind } = query;
  const problems = new Map(checkQuery(query).map(({ field, problem }) => [field, problem]));
  const change = (changed: Partial<MarketQueryModel>) => {
    onChange({ ...query, ...changed });
    onRunQuery();
  };
  const field = (name: keyof MarketQueryModel, label: string, tooltip: string) => ({
    label,
    tooltip,
    labelWidth: LABEL,
    invalid: problems.has(name),
    error: problems.get(name),
  });
  const id = (name: string) => `${query.refId}-${name}`;
  const columns = async () =>
    (await datasource.resources.columns(kind)).map(({ name, type }) => ({ value: name, label: name, description: type }));
  return (
    <Stack direction="column" gap={0.5}>
      <Stack direction="row" wrap="wrap" gap={0.5}>
        <InlineField {...field('kind', 'Kind', 'What is asked for')}>
          <Combobox
            id={id('kind')}
            aria-label="Kind"
            width={WIDTH}
            options={KIND_OPTIONS}
            value={kind}
            // What the other kind does not know would be refused by the backend.
            onChange={({ value }) => change({ kind: value, format: FORMATS_OF[value][0], fields: undefined, live: undefined, source: undefined })}
          />
        </InlineField>
        <InlineField {...field('format', 'Format', 'How the rows come back')}>
          <Combobox
            id={id('format')}
            aria-label="Format"
            width={WIDTH}
            options={formatOptions(kind)}
            value={query.format ?? FORMATS_OF[kind][0]}
            onChange={({ value }) => change({ format: value })}
          />
        </InlineField>
        <InlineField {...field('source', 'Source', 'Where the rows are read')}>
          <Combobox
            id={id('source')}
            aria-label="Source"
            width={WIDTH}
            options={SOURCE_OPTIONS}
            value={query.source ?? 'auto'}
            onChange={({ value }) => change({ source: value })}
          />
        </InlineField>
      </Stack>
      <Stack direction="row" wrap="wrap" gap={0.5}>
        {(SYMBOL_KINDS.includes(kind) || kind === 'cql') && (
          <InlineField
            {...field(
              'symbols',
              'Symbols',
              kind === 'cql' ? 'What $__symbol stands for' : 'One or several markets, or a variable such as $symbol with one or several values'
            )}
          >
            <MultiCombobox
              id={id('symbols')}
              aria-label="Symbols"
              width={WIDTH * 2}
              createCustomValue
              placeholder="BTCUSDT"
              options={symbolOptions(datasource)}
              value={(query.symbols ?? []).map((symbol) => ({ value: symbol, label: symbol }))}
              onChange={(options) => change({ symbols: options.map(({ value }) => value) })}
            />
          </InlineField>
        )}
        {kind === 'aggregates' && (
          <InlineField {...field('window', 'Window', 'Length of a window')}>
            <Combobox
              id={id('window')}
              aria-label="Window"
              width={WIDTH}
              options={WINDOW_OPTIONS}
              value={query.window ?? '1m'}
              onChange={({ value }) => change({ window: value })}
            />
          </InlineField>
        )}
        {kind === 'tickers' && (
          <InlineField {...field('orderBy', 'Order by', 'Largest first; symbols from A to Z')}>
            <Combobox
              id={id('order')}
              aria-label="Order by"
              width={WIDTH}
              options={ORDER_OPTIONS}
              value={query.orderBy ?? 'quote_volume_usdt'}
              onChange={({ value }) => change({ orderBy: value })}
            />
          </InlineField>
        )}
        <InlineField
          {...field('limit', kind === 'book' ? 'Levels a side' : 'Limit', 'Rows at most; the data source’s own limit is above it. Empty: the default.')}
        >
          <LimitInput key={`${kind} ${query.limit}`} id={id('limit')} limit={query.limit} placeholder={String(DEFAULT_LIMIT[kind])} onLimit={(limit) => change({ limit })} />
        </InlineField>
        {LIVE_KINDS.includes(kind) && app !== CoreApp.UnifiedAlerting && app !== CoreApp.CloudAlerting && (
          <InlineField {...field('live', 'Live', 'Go on by streaming after the first answer. For one symbol: with several it is read once a refresh.')}>
            <InlineSwitch id={id('live')} aria-label="Live" value={query.live === true} onChange={(event) => change({ live: event.currentTarget.checked })} />
          </InlineField>
        )}
      </Stack>
      {kind !== 'cql' && (
        <InlineField {...field('fields', 'Fields', 'Columns to return; none: all of the kind')}>
          <MultiCombobox
            key={kind}
            id={id('fields')}
            aria-label="Fields"
            width={WIDTH * 2}
            createCustomValue
            placeholder="All"
            options={columns}
            value={(query.fields ?? []).map((name) => ({ value: name, label: name }))}
            onChange={(options) => change({ fields: options.length === 0 ? undefined : options.map(({ value }) => value) })}
          />
        </InlineField>
      )}
      {kind === 'cql' && <CqlEditor datasource={datasource} query={query} problem={problems.get('cql')} onChange={(cql) => change({ cql })} />}
      <FilterRows datasource={datasource} kind={kind} filters={query.filters ?? []} problem={problems.get('filters')} onChange={(filters) => change({ filters })} />
    </Stack>
  );
}

/** Text until it is left, so that a half-written number is not asked for. What is no number goes to {@link checkQuery}, which says so. */
function LimitInput(props: { id: string; limit: number | undefined; placeholder: string; onLimit: (limit: number | undefined) => void }) {
  const { id, limit, placeholder, onLimit } = props;
  return (
    <Input
      id={id}
      type="text"
      inputMode="numeric"
      width={WIDTH / 2}
      placeholder={placeholder}
      defaultValue={limit === undefined || limit === null ? '' : String(limit)}
      onBlur={(event) => {
        const text = event.currentTarget.value.trim();
        const next = text === '' ? undefined : Number(text);
        if (next !== limit) {
          onLimit(next);
        }
      }}
      onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
    />
  );
}
