import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import { decimalText } from "../../query/decimal_text.ts";
import type { CassandraSession } from "./cassandra_session.ts";
import type { SeenPrice, SymbolFilter } from "./market_store.ts";
import { minuteOf } from "./trade_runs.ts";

/** Symbols whose prices are read at once. */
const AT_ONCE = 8;

/** The stored trades of one minute in id order, from an id on. Money is the double's shortest text. */
export async function minuteTrades(
  session: CassandraSession,
  symbol: string,
  minute: EpochMs,
  fromId = 0,
): Promise<TradeRow[]> {
  const action = `Read trades of ${symbol}`;
  const [range] = await session.rows(
    action,
    "SELECT first_id, last_id FROM trade_index WHERE symbol = ? AND minute = ?",
    [symbol, minute],
  );
  if (range === undefined || range.first_id === null || range.last_id === null) return [];
  const ids = [symbol, Math.max(Number(range.first_id), fromId), range.last_id];
  const [rows, marks] = await Promise.all([
    session.rows(
      action,
      `SELECT trade_id, price, quantity, trade_time, is_buyer_maker, WRITETIME(price) AS version FROM recent_trades
       WHERE symbol = ? AND trade_id >= ? AND trade_id <= ?`,
      ids,
    ),
    session.rows(
      action,
      "SELECT trade_id, version FROM trade_marks WHERE symbol = ? AND trade_id >= ? AND trade_id <= ?",
      ids,
    ),
  ]);
  const backfilled = new Set(marks.map((mark) => `${mark.trade_id} ${mark.version}`));
  const trades: TradeRow[] = [];
  for (const row of rows) {
    const time = (row.trade_time as Date | null)?.getTime() ?? NaN;
    if (!(time >= minute && time < minute + 60_000)) continue;
    trades.push({
      symbol,
      trade_id: Number(row.trade_id),
      price: decimalText(row.price),
      quantity: decimalText(row.quantity),
      trade_time: time as EpochMs,
      is_buyer_maker: row.is_buyer_maker,
      backfill: backfilled.size > 0 && backfilled.has(`${row.trade_id} ${row.version}`),
    });
  }
  return trades;
}

/** The prices within `withinMs` before each owned symbol's newest, from trades and from latest prices, `limit` in all. */
export async function recentPrices(
  session: CassandraSession,
  withinMs: number,
  { limit, owns = () => true }: SymbolFilter & { limit: number },
): Promise<SeenPrice[]> {
  const seen: SeenPrice[] = [];
  const action = "Read prices";
  const each = async (
    newest: [string, number][],
    take: (symbol: string, time: number, room: number) => Promise<SeenPrice[]>,
  ) => {
    for (let at = 0; at < newest.length && seen.length < limit; at += AT_ONCE) {
      const room = limit - seen.length;
      const found = await Promise.all(
        newest.slice(at, at + AT_ONCE).map(([symbol, time]) => take(symbol, time, room)),
      );
      for (const prices of found) for (const price of prices) if (seen.length < limit) seen.push(price);
    }
  };
  const newestOf = async (cql: string): Promise<[string, number][]> =>
    (await session.rows(action, cql, [])).map((row) =>
      [row.symbol as string, (row.time as Date).getTime()] as [string, number]
    )
      .filter(([symbol]) => owns(symbol))
      .sort(([a], [b]) => a < b ? -1 : 1);
  await each(
    await newestOf("SELECT symbol, updated_at AS time FROM latest_prices PER PARTITION LIMIT 1"),
    async (symbol, time, room) =>
      (await session.rows(
        action,
        `SELECT price, updated_at FROM latest_prices WHERE symbol = ? AND updated_at >= ? ORDER BY updated_at ASC LIMIT ?`,
        [symbol, time - withinMs, room],
      )).map((row) => ({ symbol, price: decimalText(row.price), time: row.updated_at.getTime() as EpochMs })),
  );
  await each(
    await newestOf("SELECT symbol, minute AS time FROM trade_index PER PARTITION LIMIT 1"),
    async (symbol, time, room) => {
      const [bound] = await session.rows(
        action,
        "SELECT MIN(first_id) AS id FROM trade_index WHERE symbol = ? AND minute >= ?",
        [symbol, minuteOf(time - withinMs)],
      );
      if (bound === undefined || bound.id === null) return [];
      const rows = await session.rows(
        action,
        "SELECT price, trade_time FROM recent_trades WHERE symbol = ? AND trade_id >= ? LIMIT ?",
        [symbol, bound.id, room],
      );
      return rows.filter((row) => row.price !== null && row.trade_time !== null)
        .map((row) => ({ symbol, price: decimalText(row.price), time: row.trade_time.getTime() as EpochMs }));
    },
  );
  return seen;
}
