import type { CompletenessRow } from '../api/types';

export const GAP_KINDS = ['trade', 'kline', 'book'] as const;
export const GAP_STATES = ['open', 'refilled', 'lost'] as const;
export const KIND_WORDS: Record<CompletenessRow['kind'], string> = { trade: 'Trades', kline: 'Candles', book: 'Books' };

export type GapCounts = Record<CompletenessRow['kind'], Record<CompletenessRow['state'], number>>;

/** How many gaps of each kind are in each state (I3). */
export function countGaps(rows: readonly CompletenessRow[]): GapCounts {
  const counts: GapCounts = {
    trade: { open: 0, refilled: 0, lost: 0 },
    kline: { open: 0, refilled: 0, lost: 0 },
    book: { open: 0, refilled: 0, lost: 0 },
  };
  for (const row of rows) {
    counts[row.kind][row.state] += 1;
  }
  return counts;
}

/** What needs a look first: lost, then open, then refilled; the newest first within each. */
export function byConcern(rows: readonly CompletenessRow[]): CompletenessRow[] {
  const rank: Record<CompletenessRow['state'], number> = { lost: 0, open: 1, refilled: 2 };
  return [...rows].sort((a, b) => rank[a.state] - rank[b.state] || b.detected_at - a.detected_at);
}

/** How much a gap spans: ids of trades and updates, minutes of candles. */
export function gapSize(row: CompletenessRow): string {
  const span = row.kind === 'kline' ? (row.last_id - row.first_id) / 60_000 + 1 : row.last_id - row.first_id + 1;
  const unit = row.kind === 'trade' ? 'trade' : row.kind === 'kline' ? 'minute' : 'update';
  return `${span.toLocaleString('en-US')} ${unit}${span === 1 ? '' : 's'}`;
}
