/**
 * One row a key in frames of a live stream. Grafana appends each message's rows to the frame: a candle that goes on, or a trade
 * that a new subscription sends again, would stand there twice and be counted twice. Pure.
 */
import type { QueryKind } from './query.ts';

/** As much of a frame as is read here. */
export type StreamedFrame<Field extends { name: string; values: unknown[] }> = { fields: Field[]; length: number };

/** The columns that tell rows apart, by kind; of a kind without them every row is kept. */
const KEYS: Partial<Record<QueryKind, readonly string[]>> = {
  klines: ['time'],
  prices: ['time'],
  trades: ['trade_id'],
};

/** The rows to keep, in the order of their keys and each key's last; undefined when all are to be kept as they stand. */
export function keptRows(kind: QueryKind, frame: StreamedFrame<{ name: string; values: unknown[] }>): number[] | undefined {
  const [key] = KEYS[kind] ?? [];
  const values = frame.fields.find(({ name }) => name === key)?.values;
  if (values === undefined) {
    return undefined;
  }
  let sorted = true;
  for (let row = 1; row < frame.length && sorted; row++) {
    sorted = Number(values[row - 1]) < Number(values[row]);
  }
  if (sorted) {
    return undefined;
  }
  const last = new Map<number, number>();
  for (let row = 0; row < frame.length; row++) {
    last.set(Number(values[row]), row);
  }
  return [...last].sort(([a], [b]) => a - b).map(([, row]) => row);
}

/** The frame with each row once; the frame itself when it has no row twice. */
export function onceARow<Field extends { name: string; values: unknown[] }, Frame extends StreamedFrame<Field>>(kind: QueryKind, frame: Frame): Frame {
  const rows = keptRows(kind, frame);
  return rows === undefined
    ? frame
    : {
        ...frame,
        fields: frame.fields.map((field) => ({ ...field, values: rows.map((row) => field.values[row]) })),
        length: rows.length,
      };
}
