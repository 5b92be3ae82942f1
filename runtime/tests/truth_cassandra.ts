import cassandra from "cassandra-driver";
import { cassandraFailure } from "../cassandra/error_cassandra.ts";
import { mendDriver } from "../cassandra/mend_cassandra.ts";
import type { TestStack } from "./test_stack.ts";
import type { StoredBook, StoredCandle, StoredGap, StoredTrade, StoredTruth } from "./truth.ts";

/** Options of {@linkcode CassandraTruth.connect}. */
export type CassandraTruthOptions = {
  /** The driver's name of the level to read at; default `localQuorum`. */
  consistency?: "one" | "quorum" | "all" | "localQuorum" | "localOne";
  /** What may explain a wait that took too long: `() => pipeline.process.tail`. */
  explain?: () => string;
};

type Row = Record<string, unknown>;

/** Rows of one answer. */
const PAGE_ROWS = 5000;
/**
 * How long a page is asked for again when no quorum answers in time, ms: while a node that was killed starts, the others on
 * this machine are slow. What is compared is what they keep.
 */
const PATIENCE_MS = 60_000;

/**
 * The keyspace's tables as the comparison reads them: by the driver alone, at LOCAL_QUORUM by default, so that what was
 * acknowledged is seen whichever node is down. Doubles agree with the truth to 15 significant digits (I9); what is kept
 * as text beside them, to the last one.
 */
export class CassandraTruth implements StoredTruth {
  readonly #client: cassandra.Client;
  readonly #keyspace: string;
  readonly #explain: () => string;

  private constructor(client: cassandra.Client, keyspace: string, options: CassandraTruthOptions) {
    this.#client = client;
    this.#keyspace = keyspace;
    this.#explain = options.explain ?? (() => "");
  }

  /** Connects; the keyspace may be made later. */
  static async connect(
    servers: TestStack["cassandra"],
    keyspace: string,
    options: CassandraTruthOptions = {},
  ): Promise<CassandraTruth> {
    const { contactPoints, port, localDataCenter } = servers;
    const { policies, types } = cassandra;
    mendDriver();
    const client = new cassandra.Client({
      contactPoints,
      protocolOptions: { port },
      localDataCenter,
      // A node that was killed and is back should be asked again soon.
      policies: { reconnection: new policies.reconnection.ConstantReconnectionPolicy(500) },
      queryOptions: {
        prepare: true,
        consistency: types.consistencies[options.consistency ?? "localQuorum"],
        isIdempotent: true,
      },
    });
    await client.connect();
    return new CassandraTruth(client, keyspace, options);
  }

  async tradeRange(symbol: string) {
    const end = async (order: "ASC" | "DESC") => {
      const [row] = await this.#rows(
        `SELECT trade_id FROM recent_trades WHERE symbol = ? ORDER BY trade_id ${order} LIMIT 1`,
        [symbol],
      );
      return row && number(row.trade_id);
    };
    const [first, last] = await Promise.all([end("ASC"), end("DESC")]);
    return first === undefined || last === undefined ? undefined : { first, last };
  }

  async trades(symbol: string, first: number, last: number): Promise<StoredTrade[]> {
    const rows = await this.#rows(
      `SELECT trade_id, price, quantity, trade_time, is_buyer_maker FROM recent_trades
       WHERE symbol = ? AND trade_id >= ? AND trade_id <= ?`,
      [symbol, first, last],
    );
    return rows.map((row) => ({
      trade_id: number(row.trade_id),
      price: row.price as number,
      quantity: row.quantity as number,
      trade_time: number(row.trade_time),
      is_buyer_maker: row.is_buyer_maker as boolean,
    }));
  }

  async candles(symbol: string, from: number): Promise<Map<number, StoredCandle>> {
    const [rows, marks] = await Promise.all([
      this.#rows("SELECT * FROM klines WHERE symbol = ? AND open_time >= ?", [symbol, from]),
      this.#rows("SELECT * FROM kline_marks WHERE symbol = ? AND open_time >= ?", [symbol, from]),
    ]);
    const markOf = new Map(marks.map((row) => [number(row.open_time), row]));
    return new Map(rows.map((row) => {
      const openTime = number(row.open_time);
      const mark = markOf.get(openTime);
      return [openTime, {
        open_price: row.open_price as number,
        high_price: row.high_price as number,
        low_price: row.low_price as number,
        close_price: row.close_price as number,
        volume: row.volume as number,
        number_of_trades: row.number_of_trades as number,
        closed: mark?.closed === true,
        backfill: mark?.backfill === true,
        ...mark === undefined ? {} : {
          quote_volume: mark.quote_volume_text as string,
          close_time: number(mark.close_time),
          first_trade_id: number(mark.first_trade_id),
          last_trade_id: number(mark.last_trade_id),
        },
      }];
    }));
  }

  async newestBook(symbol: string): Promise<StoredBook | undefined> {
    const [row] = await this.#rows(
      "SELECT bids, asks, updated_at FROM order_book WHERE symbol = ? LIMIT 1",
      [symbol],
    );
    if (row === undefined) return undefined;
    const [mark] = await this.#rows(
      "SELECT depth, last_update_id, trusted FROM book_marks WHERE symbol = ? AND updated_at = ?",
      [symbol, row.updated_at],
    );
    return {
      bids: row.bids as string,
      asks: row.asks as string,
      depth: (mark?.depth as number | undefined) ?? 0,
      last_update_id: mark === undefined ? -1 : number(mark.last_update_id),
      trusted: mark?.trusted === true,
    };
  }

  async trustedSymbols(): Promise<string[]> {
    const rows = await this.#rows("SELECT DISTINCT symbol FROM book_marks", []);
    const trusted = await Promise.all(rows.map(async ({ symbol }) => {
      const [row] = await this.#rows(
        "SELECT updated_at FROM book_marks WHERE symbol = ? AND trusted = true LIMIT 1 ALLOW FILTERING",
        [symbol],
      );
      return row === undefined ? [] : [symbol as string];
    }));
    return trusted.flat().sort();
  }

  async gaps(symbol?: string): Promise<StoredGap[]> {
    const rows = await this.#rows(
      `SELECT symbol, kind, first_id, last_id, state FROM completeness${
        symbol === undefined ? "" : " WHERE symbol = ?"
      }`,
      symbol === undefined ? [] : [symbol],
    );
    return rows.map((row) => ({
      symbol: row.symbol as string,
      kind: row.kind as string,
      first_id: number(row.first_id),
      last_id: number(row.last_id),
      state: row.state as string,
    }));
  }

  explain(): string {
    return this.#explain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.shutdown();
  }

  /** All rows of a statement that names a table of the keyspace after its first FROM. */
  async #rows(cql: string, values: unknown[]): Promise<Row[]> {
    const qualified = cql.replace(/ FROM (\w+)/, ` FROM ${this.#keyspace}.$1`);
    const rows: Row[] = [];
    let pageState: string | undefined;
    do {
      const answer = await this.#page(qualified, values, pageState);
      for (const row of answer.rows) rows.push(row);
      pageState = answer.pageState ?? undefined;
    } while (pageState !== undefined);
    return rows;
  }

  async #page(cql: string, values: unknown[], pageState?: string): Promise<cassandra.types.ResultSet> {
    const deadline = performance.now() + PATIENCE_MS;
    while (true) {
      try {
        return await this.#client.execute(cql, values, { fetchSize: PAGE_ROWS, pageState });
      } catch (error) {
        const slow = ["unavailable", "overloaded"].includes(cassandraFailure(error));
        if (!slow || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }
}

function number(value: unknown): number {
  if (typeof value === "number") return value;
  return value instanceof Date ? value.getTime() : (value as cassandra.types.Long).toNumber();
}
