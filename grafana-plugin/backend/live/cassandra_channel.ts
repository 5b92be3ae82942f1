import { errorText } from "../../../runtime/error.ts";
import type { EpochMs } from "../../../runtime/market/epoch.ts";
import { encodeCursor } from "../../../runtime/query/cursor.ts";
import { wait } from "../../../runtime/wait.ts";
import { channelPath } from "../../src/datasource/query.ts";
import type { Instance } from "../instance/instance.ts";
import type { MarketReader } from "../source/market_reader.ts";
import type { ChannelSpec } from "./channel_spec.ts";
import { NewRows } from "./live_rows.ts";
import { packetOf } from "./packet.ts";

/** Between two looks at the store, ms: half of it is what reading adds to the latency. */
const POLL_MS = 150;
/** After a failure, ms. */
const FAILED_MS = 2_000;
const PAGE = 1_000;

/**
 * A channel on Cassandra alone, by reading past the last row that was sent; Grafana runs it once for all viewers. What comes late
 * behind the last id (a refill after a gap) is found by the next query, not here.
 */
export async function* cassandraChannel(
  spec: ChannelSpec,
  instance: Instance,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = instance.reader("cassandra", signal);
  const tail = new Tail(spec, reader, instance.answered.get(channelPath(spec.kind, spec.symbol)));
  let told = false;
  while (!signal.aborted) {
    let waitMs = POLL_MS;
    const origin = await instance.originOf("cassandra", reader);
    try {
      const rows = await tail.next();
      told = false;
      if (signal.aborted) return;
      if (rows.length > 0) yield packetOf(spec, rows, { source: "cassandra", origin });
      if (rows.length >= PAGE) waitMs = 0;
    } catch (error) {
      if (signal.aborted) return;
      waitMs = FAILED_MS;
      if (!told) {
        yield packetOf(spec, [], {
          source: "cassandra",
          origin,
          notices: [{ severity: "warning", text: `The stream is interrupted: ${errorText(error)}` }],
        });
      }
      told = true;
    }
    await wait(waitMs, signal);
  }
}

/** Remembers how far a channel has been read. */
class Tail {
  readonly #spec: ChannelSpec;
  readonly #reader: MarketReader;
  readonly #new: NewRows;
  #last: number | undefined;

  constructor(spec: ChannelSpec, reader: MarketReader, answered: number | undefined) {
    this.#spec = spec;
    this.#reader = reader;
    this.#last = answered;
    this.#new = new NewRows(answered);
  }

  /** Rows since the last call, oldest first; of the first call without an answered query, the newest row. */
  async next(): Promise<unknown[]> {
    const { symbol, kind } = this.#spec;
    switch (kind) {
      case "trades": {
        if (this.#last === undefined) {
          const { rows } = await this.#reader.trades({ symbol, limit: 1, order: "desc" });
          this.#last = rows[0]?.trade_id;
          return this.#last === undefined ? [] : this.#new.trades(rows);
        }
        const { rows } = await this.#reader.trades({
          symbol,
          limit: PAGE,
          order: "asc",
          cursor: encodeCursor("trades:asc", [this.#last]),
        });
        this.#last = rows.at(-1)?.trade_id ?? this.#last;
        return this.#new.trades(rows);
      }
      case "prices": {
        const rows = await this.#since((query) => this.#reader.prices(query), ({ updated_at }) => updated_at);
        return this.#new.prices(rows);
      }
      case "klines": {
        const rows = await this.#since((query) => this.#reader.klines(query), ({ open_time }) => open_time);
        return this.#new.klines(rows);
      }
      case "book": {
        const book = await this.#reader.book(symbol);
        return book === undefined ? [] : this.#new.books([book]);
      }
      default:
        throw new TypeError(`Stream ${kind}: Cassandra does not hold it`);
    }
  }

  /** Rows from the last one's time on, itself included: it may have changed. */
  async #since<Row>(
    read: (
      query: { symbol: string; from?: EpochMs; limit: number; order: "asc" | "desc" },
    ) => Promise<{ rows: Row[] }>,
    time: (row: Row) => number,
  ): Promise<Row[]> {
    const { symbol } = this.#spec;
    const { rows } = this.#last === undefined
      ? await read({ symbol, limit: 1, order: "desc" })
      : await read({ symbol, from: this.#last as EpochMs, limit: PAGE, order: "asc" });
    const newest = rows.at(-1);
    if (newest !== undefined) this.#last = time(newest);
    return rows;
  }
}
