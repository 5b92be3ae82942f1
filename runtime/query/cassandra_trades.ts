import type { EpochMs } from "../market/epoch.ts";
import type { TradeRow } from "../market/table.ts";
import { type CassandraReader, type CassandraRow, numberOf } from "./cassandra_reader.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { decimalText } from "./decimal_text.ts";
import type { Page, RangeQuery, TradeLineage } from "./market_query.ts";
import { checkLimit, pageOf } from "./page.ts";

/** A run of the lineage table covers at most so many ids. */
const LINEAGE_IDS = 1000;
/** Runs that are looked at; more than one holds a trade only after redeliveries. */
const LINEAGE_RUNS = 64;

/**
 * Trades go by id, so that trades of one millisecond have an order; the index by minute bounds the ids, at least to those
 * that have not expired. `floor`: the time before which trades have.
 */
export async function readTrades(
  reader: CassandraReader,
  query: RangeQuery,
  options: { floor: number },
): Promise<Page<TradeRow>> {
  const { symbol, from, to, order = "desc" } = query;
  const limit = checkLimit(query.limit);
  const kind = `trades:${order}`;
  const after = decodeCursor(kind, ["number"], query.cursor)?.[0] as number | undefined;
  const bound = await idRange(reader, symbol, { from, to, ...options });
  if (bound === undefined) return { rows: [], next: null };
  let { first, last } = bound;
  if (after !== undefined && order === "asc") first = Math.max(first ?? after + 1, after + 1);
  if (after !== undefined && order === "desc") last = Math.min(last ?? after - 1, after - 1);
  const where = ["symbol = ?"];
  const values: unknown[] = [symbol];
  const add = (cql: string, value: number | undefined) => {
    if (value === undefined) return;
    where.push(cql);
    values.push(value);
  };
  add("trade_id >= ?", first);
  add("trade_id <= ?", last);
  // Filtering stays within the ids of the minutes asked for: only their edges are passed over.
  add("trade_time >= ?", from);
  add("trade_time < ?", to);
  const filtered = from === undefined && to === undefined ? "" : " ALLOW FILTERING";
  const rows = await reader.rows(
    `SELECT trade_id, price, quantity, trade_time, is_buyer_maker, WRITETIME(price) AS version
     FROM ${reader.table("recent_trades")} WHERE ${where.join(" AND ")}
     ORDER BY trade_id ${order.toUpperCase()} LIMIT ?${filtered}`,
    [...values, limit + 1],
  );
  const backfilled = await backfilledOf(reader, symbol, rows);
  return pageOf(
    rows,
    limit,
    (row) => encodeCursor(kind, [numberOf(row.trade_id)!]),
    (row): TradeRow => {
      const id = numberOf(row.trade_id)!;
      return {
        symbol,
        trade_id: id,
        price: decimalText(row.price as number),
        quantity: decimalText(row.quantity as number),
        trade_time: numberOf(row.trade_time) as EpochMs,
        is_buyer_maker: row.is_buyer_maker as boolean,
        backfill: backfilled.get(id) === numberOf(row.version),
      };
    },
  );
}

/** Ids that trades in [from, to) lie within; undefined when there are none. */
async function idRange(
  reader: CassandraReader,
  symbol: string,
  options: { from?: number; to?: number; floor: number },
): Promise<{ first?: number; last?: number } | undefined> {
  const { from, to, floor } = options;
  const table = reader.table("trade_index");
  const minutes = [symbol, Math.max(from ?? floor, floor) - 60_000, to ?? Number.MAX_SAFE_INTEGER];
  if (from === undefined && to === undefined) {
    if (floor === Number.MIN_SAFE_INTEGER) return {};
    // Ids rise with time: the oldest minute that lives has the least.
    const [oldest] = await reader.rows(
      `SELECT first_id FROM ${table} WHERE symbol = ? AND minute > ? AND minute < ? ORDER BY minute ASC LIMIT 1`,
      minutes,
    );
    return oldest && { first: numberOf(oldest.first_id) ?? undefined };
  }
  const [row] = await reader.rows(
    `SELECT min(first_id) AS first, max(last_id) AS last FROM ${table}
     WHERE symbol = ? AND minute > ? AND minute < ?`,
    minutes,
  );
  const first = numberOf(row?.first);
  const last = numberOf(row?.last);
  // The two expire each by itself; a bound that is gone is no bound.
  return first === null && last === null ? undefined : { first: first ?? undefined, last: last ?? undefined };
}

/** Versions of those of the trades that came by REST. */
async function backfilledOf(
  reader: CassandraReader,
  symbol: string,
  trades: CassandraRow[],
): Promise<Map<number, number>> {
  if (trades.length === 0) return new Map();
  const ids = [numberOf(trades[0]!.trade_id)!, numberOf(trades.at(-1)!.trade_id)!];
  const marks = await reader.rows(
    `SELECT trade_id, version FROM ${reader.table("trade_marks")}
     WHERE symbol = ? AND trade_id >= ? AND trade_id <= ?`,
    [symbol, Math.min(...ids), Math.max(...ids)],
  );
  return new Map(marks.map((mark) => [numberOf(mark.trade_id)!, numberOf(mark.version)!]));
}

/** The shortest run of the lineage table that holds a stored trade: runs may overlap after a redelivery. */
export async function readLineage(
  reader: CassandraReader,
  symbol: string,
  tradeId: number,
): Promise<TradeLineage | undefined> {
  const [stored, runs] = await Promise.all([
    reader.rows(
      `SELECT trade_id FROM ${reader.table("recent_trades")} WHERE symbol = ? AND trade_id = ?`,
      [symbol, tradeId],
    ),
    reader.rows(
      `SELECT first_trade_id, last_trade_id, topic, partition, first_offset, last_offset, stored_at
       FROM ${reader.table("lineage")}
       WHERE symbol = ? AND first_trade_id <= ? AND first_trade_id > ? AND last_trade_id >= ?
       LIMIT ? ALLOW FILTERING`,
      [symbol, tradeId, tradeId - LINEAGE_IDS, tradeId, LINEAGE_RUNS],
    ),
  ]);
  if (stored.length === 0) return undefined;
  const length = (run: CassandraRow) => numberOf(run.last_trade_id)! - numberOf(run.first_trade_id)!;
  const run = runs.reduce<CassandraRow | undefined>(
    (best, next) => best === undefined || length(next) < length(best) ? next : best,
    undefined,
  );
  return run && {
    symbol,
    trade_id: tradeId,
    topic: run.topic as string,
    partition: run.partition as number,
    first_offset: numberOf(run.first_offset)!,
    last_offset: numberOf(run.last_offset)!,
    stored_at: numberOf(run.stored_at) as EpochMs,
  };
}
