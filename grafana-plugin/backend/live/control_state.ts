import type { Pipeline } from "../../../runtime/console/types.js";
import type { EpochMs } from "../../../runtime/market/epoch.ts";
import type { Page } from "../../../runtime/query/market_query.ts";
import type { Instance } from "../instance/instance.ts";
import type { ChannelSpec } from "./channel_spec.ts";

/** Rows of a channel that nobody asked for before. */
const FIRST = { trades: 50, prices: 1, klines: 120 };
/** Rows of a page; of one answer together (I10). */
const PAGE = 500;
const MOST = 5_000;

/** What a channel missed, oldest first. */
export type State = {
  rows: unknown[];
  /** Rows older than these and newer than `newest` were too many to be read; their number is known of trades only. */
  leftOut?: number | "some";
};

/**
 * What a channel has now, by the control API's `GET` routes: its row where there is one, else the rows behind `newest`, a trade id or
 * a time, and around it, or the newest of all.
 */
export async function readState(
  { kind, symbol }: ChannelSpec,
  instance: Instance,
  options: { newest: number | undefined; signal: AbortSignal },
): Promise<State> {
  const { newest, signal } = options;
  const reader = instance.reader("control", signal);
  // Times narrow what is read; trades are in the order of their ids, so that one page too many tells where it joins.
  const range = { symbol, order: "desc" as const };
  const since = { ...range, from: newest as EpochMs | undefined };
  const window = { newest, first: FIRST[kind as keyof typeof FIRST] };
  switch (kind) {
    case "trades":
      return await rowsBehind((page) => reader.trades({ ...range, ...page }), {
        ...window,
        key: (row) => row.trade_id,
      });
    case "prices":
      return await rowsBehind((page) => reader.prices({ ...since, ...page }), {
        ...window,
        key: (row) => row.updated_at,
      });
    case "klines":
      return await rowsBehind((page) => reader.klines({ ...since, ...page }), {
        ...window,
        key: (row) => row.open_time,
      });
    case "book": {
      const book = await reader.book(symbol);
      return { rows: book === undefined ? [] : [book] };
    }
    default:
      return { rows: [await instance.control!.get<Pipeline>("pipeline", {}, signal)] };
  }
}

async function rowsBehind<Row>(
  read: (page: { limit: number; cursor?: string }) => Promise<Page<Row>>,
  { newest, first, key }: { newest: number | undefined; first: number; key: (row: Row) => number },
): Promise<State> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await read({ limit: newest === undefined ? first : PAGE, cursor });
    rows.push(...page.rows);
    const oldest = rows.at(-1);
    if (newest === undefined || page.next === null || oldest === undefined || key(oldest) <= newest) {
      return { rows: rows.reverse() };
    }
    if (rows.length >= MOST) {
      return {
        rows: rows.reverse(),
        leftOut: "trade_id" in (oldest as object) ? key(oldest) - newest - 1 : "some",
      };
    }
    cursor = page.next;
  }
}
