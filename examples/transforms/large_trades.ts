/**
 * A user transform: raises an alert for trades of a large notional, and drops dust. Copy it into the transforms
 * folder; it runs in a process of its own, with no permission at all.
 */
import type { RowTransform } from "../../runtime/host/sdk.ts";

/** Notional, in the quote asset, from which on a trade is worth an alert. */
const LARGE = 100_000;
/** Notional below which a trade is dropped. */
const DUST = 0.01;

export default {
  tables: ["recent_trades"],
  apply(row, context) {
    // A float is good enough to compare with a threshold; the row itself keeps the exchange's text.
    const notional = Number(row.price) * Number(row.quantity);
    if (notional < DUST) return context.filter("dust");
    if (notional >= LARGE) {
      context.emitAlert({
        rule: "large_trade",
        symbol: row.symbol,
        message: `${row.symbol} ${row.is_buyer_maker ? "sell" : "buy"} of ${Math.round(notional)}`,
        evidence: { trade_id: row.trade_id, price: row.price, quantity: row.quantity, notional },
      });
    }
    return row;
  },
} satisfies RowTransform<"recent_trades">;
