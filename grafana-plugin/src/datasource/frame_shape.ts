/**
 * The frames that the data source answers with and the panels read: names of fields and of what is beside them. Pure, shared by
 * the backend, the panels and the pages. Numbers are doubles for drawing; the exchange's own text is beside each in a field
 * `<name>_text` where an exact value matters (I9).
 */

/** `meta.custom` of every frame. */
export type FrameOrigin = {
  /** I8: whoever shows the frame says SIMULATED. */
  simulated: boolean;
  origin: { kind: string; id: string; label: string } | null;
  /** `cassandra` or `control`. */
  source: string;
};

/** Kind `book`, format `book`: one row a level, bids best first, then asks best first. */
export const BOOK_FIELDS = ['side', 'level', 'price', 'quantity', 'price_text', 'quantity_text'] as const;

/**
 * The book's state once more, as columns with the same value in every row: Grafana gives the panels of a live stream the new
 * values alone as long as the fields are the same, and `meta.custom` stays that of the first frame. A reader takes these
 * columns first and `meta.custom` where they are missing. `updated_at` is a time.
 */
export const BOOK_STATE_FIELDS = ['trusted', 'last_update_id', 'updated_at'] as const;

/** `meta.custom` of a book frame. */
export type BookMeta = FrameOrigin & {
  symbol: string;
  /** Levels a side to which it equals the exchange's book. */
  depth: number;
  lastUpdateId: number;
  /** I4: false while the book is being rebuilt. */
  trusted: boolean;
  /** Event time, epoch ms. */
  updatedAt: number;
};

/** Kind `trades`: one row a trade, oldest first. */
export const TRADE_FIELDS = [
  'time',
  'symbol',
  'trade_id',
  'price',
  'quantity',
  'is_buyer_maker',
  'backfill',
  'price_text',
  'quantity_text',
] as const;

/** Kind `klines`, format `candles`: what Grafana's candlestick panel finds by itself, oldest first. */
export const CANDLE_FIELDS = [
  'time',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'number_of_trades',
  'closed',
  'backfill',
] as const;

/** Kind `pipeline`: frame `stages`, one row a stage in the order of the flow. Rates a second, times in seconds, memory in bytes. */
export const STAGE_FIELDS = [
  'id',
  'title',
  'module',
  'state',
  'detail',
  'rate',
  'rate_unit',
  'total',
  'lag',
  'lag_unit',
  'latency_p50',
  'latency_p99',
  'rss_bytes',
  'cpu_percent',
  'restarts',
] as const;

/** Kind `pipeline`: frame `edges`, one row an arrow of the flow. */
export const EDGE_FIELDS = ['from', 'to', 'rate', 'unit'] as const;

/** Kind `pipeline`: frame `figures`, one row a figure of a stage, as the control API tells it (`WAL held by the slot`, bytes). */
export const FIGURE_FIELDS = ['stage', 'label', 'value', 'unit'] as const;

/**
 * A `pipeline` query with `fields` answers that frame alone which has all of them, with these columns: an alert rule takes
 * one frame with one number column, and the others become its labels (`id, lag` of stages, `stage, label, value` of figures).
 * Its `filters` choose the rows.
 */
export const PIPELINE_FRAMES = { stages: STAGE_FIELDS, edges: EDGE_FIELDS, figures: FIGURE_FIELDS } as const;
