import React, { useCallback, useMemo, useState } from 'react';
import { Button, FilterInput, LoadingPlaceholder } from '@grafana/ui';
import { count } from '../../../../runtime/console/format.js';
import type { CompletenessRow } from '../../api/types';
import { byConcern, countGaps, GAP_KINDS, GAP_STATES, gapSize, KIND_WORDS } from '../../model/gaps';
import { useApp } from '../App/AppContext';
import { useReading } from '../App/hooks';
import { DataTable, type Column } from '../parts/DataTable';
import { Nothing, Time } from '../parts/Figures';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';
import { StateText } from '../parts/StateText';

const REFRESH_MS = 10_000;
const PAGE = 200;

const range = (row: CompletenessRow) =>
  row.kind === 'kline' ? (
    <>
      <Time at={row.first_id} form="minute" /> to <Time at={row.last_id} form="minute" />
    </>
  ) : (
    `${row.first_id}–${row.last_id}`
  );

const COLUMNS: ReadonlyArray<Column<CompletenessRow>> = [
  { title: 'Symbol', header: true, cell: (row) => row.symbol },
  { title: 'Of', cell: (row) => KIND_WORDS[row.kind] },
  { title: 'State', cell: (row) => <StateText state={row.state} /> },
  { title: 'Cause', cell: (row) => row.cause.replace(/_/g, ' ') },
  { title: 'Range', cell: range },
  { title: 'Size', numeric: true, cell: gapSize },
  { title: 'Detected (UTC)', cell: (row) => <Time at={row.detected_at} form="minute" /> },
  { title: 'Changed (UTC)', cell: (row) => <Time at={row.updated_at} form="minute" /> },
];

/** What did not arrive by stream (I3): counted by kind and state, and each gap with its cause. */
export function Completeness() {
  const { api } = useApp();
  const [symbol, setSymbol] = useState('');
  const [most, setMost] = useState(PAGE);
  const read = useCallback(
    (signal: AbortSignal) => api.completeness({ symbol: symbol.trim().toUpperCase(), limit: most }, { signal }),
    [api, symbol, most]
  );
  const { data, problem, loading, reload } = useReading(read, REFRESH_MS);
  const rows = useMemo(() => byConcern(data?.rows ?? []), [data]);
  const counts = countGaps(rows);
  const more = data !== undefined && data.next !== null;
  return (
    <Section
      title="Completeness"
      note="Ranges that did not arrive by stream, why, and what became of them"
      actions={<FilterInput width={20} placeholder="Symbol" aria-label="Symbol of the gaps" value={symbol} onChange={setSymbol} />}
    >
      <ProblemAlert problem={problem} onRetry={reload} />
      {data === undefined && loading && <LoadingPlaceholder text="Reading the ledger" />}
      {data !== undefined && rows.length === 0 && (
        <Nothing title="Nothing is missing">
          {symbol.trim() === '' ? 'Every trade, candle and book arrived by stream.' : `No gap of ${symbol.trim().toUpperCase()}.`}
        </Nothing>
      )}
      {rows.length > 0 && (
        <>
          <DataTable
            caption={`Gaps by kind and state${more ? `, of the first ${count(rows.length)}` : ''}`}
            rows={GAP_KINDS}
            rowKey={(kind) => kind}
            columns={[
              { title: 'Gaps in', header: true, cell: (kind) => KIND_WORDS[kind] },
              ...GAP_STATES.map((state) => ({
                title: state.charAt(0).toUpperCase() + state.slice(1),
                numeric: true,
                cell: (kind: CompletenessRow['kind']) => count(counts[kind][state]),
              })),
            ]}
          />
          <DataTable
            caption="Gaps: lost first, then open, then refilled"
            columns={COLUMNS}
            rows={rows}
            rowKey={(row) => `${row.symbol} ${row.kind} ${row.first_id}`}
            maxHeight={320}
          />
          {more && (
            <div>
              <Button size="sm" variant="secondary" onClick={() => setMost(most + PAGE)}>
                Load more
              </Button>
            </div>
          )}
        </>
      )}
    </Section>
  );
}
