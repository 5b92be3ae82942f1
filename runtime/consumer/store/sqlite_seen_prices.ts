import type { DatabaseSync } from "node:sqlite";
import type { EpochMs } from "../../market/epoch.ts";
import type { SeenPrice } from "./market_store.ts";
import { minuteOf } from "./trade_runs.ts";

/** The prices within `withinMs` before each symbol's newest, from trades and from latest prices, `limit` in all. */
export function recentPrices(db: DatabaseSync, withinMs: number, limit: number): SeenPrice[] {
  const seen: SeenPrice[] = [];
  const next = (table: string) =>
    db.prepare(`SELECT symbol FROM ${table} WHERE symbol > ? ORDER BY symbol LIMIT 1`);
  const newestPrice = db.prepare(
    "SELECT updated_at AS time FROM latest_prices WHERE symbol = ? ORDER BY updated_at DESC LIMIT 1",
  );
  const prices = db.prepare(
    `SELECT symbol, price, updated_at AS time FROM latest_prices WHERE symbol = ? AND updated_at >= ?
     ORDER BY updated_at LIMIT ?`,
  );
  const newestMinute = db.prepare(
    "SELECT minute AS time FROM trade_index WHERE symbol = ? ORDER BY minute DESC LIMIT 1",
  );
  const firstId = db.prepare(
    "SELECT min(first_id) AS id FROM trade_index WHERE symbol = ? AND minute >= ?",
  );
  const trades = db.prepare(
    `SELECT symbol, price, trade_time AS time FROM recent_trades WHERE symbol = ? AND trade_id >= ?
     ORDER BY trade_id LIMIT ?`,
  );
  const from = (table: string, take: (symbol: string, room: number) => SeenPrice[]) => {
    const step = next(table);
    let symbol = "";
    while (seen.length < limit) {
      const found = step.get(symbol) as { symbol: string } | undefined;
      if (found === undefined) return;
      symbol = found.symbol;
      for (const price of take(symbol, limit - seen.length)) seen.push(price);
    }
  };
  from("latest_prices", (symbol, room) => {
    const { time } = newestPrice.get(symbol) as { time: EpochMs };
    return prices.all(symbol, time - withinMs, room) as unknown as SeenPrice[];
  });
  from("trade_index", (symbol, room) => {
    const { time } = newestMinute.get(symbol) as { time: EpochMs };
    const { id } = firstId.get(symbol, minuteOf(time - withinMs)) as { id: number };
    return trades.all(symbol, id, room) as unknown as SeenPrice[];
  });
  return seen;
}
