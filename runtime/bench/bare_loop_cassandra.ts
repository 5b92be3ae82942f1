import cassandra, { type Client } from "cassandra-driver";
import process from "node:process";
import { connectCassandra, consistencyOf } from "../cassandra/client_cassandra.ts";
import type { CassandraLogin } from "../cassandra/login.ts";
import type { TableName } from "../market/table.ts";
import type { BenchRow, CeilingFigures } from "./consumer_bench.ts";

/** Rows of one symbol in one unlogged batch, and batches under way: measured, more of either wins nothing. */
const BATCH = 50;
const IN_FLIGHT = 16;
const TTL_SECONDS = 86_400;

type Row = Record<string, unknown>;
const { Long } = cassandra.types;

/** What each table of the bench is written with; the time stamp is the version, as the consumer's is. */
const STATEMENTS: Partial<Record<TableName, { cql: string; values: (row: Row) => unknown[] }>> = {
  recent_trades: {
    cql:
      "INSERT INTO recent_trades (symbol, trade_id, price, quantity, trade_time, is_buyer_maker) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    values: (row) => {
      const time = Date.parse(row.trade_time as string);
      return [
        row.symbol,
        Long.fromNumber(row.trade_id as number),
        Number(row.price),
        Number(row.quantity),
        time,
        row.is_buyer_maker,
        Long.fromNumber(time * 1000),
        TTL_SECONDS,
      ];
    },
  },
  latest_prices: {
    cql: "INSERT INTO latest_prices (symbol, price, updated_at) VALUES (?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    values: (row) => [
      row.symbol,
      Number(row.price),
      Date.parse(row.updated_at as string),
      Long.fromNumber(row.version as number),
      TTL_SECONDS,
    ],
  },
  order_book: {
    cql:
      "INSERT INTO order_book (symbol, bids, asks, updated_at) VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    values: (row) => [
      row.symbol,
      row.bids,
      row.asks,
      Date.parse(row.updated_at as string),
      Long.fromNumber(row.version as number),
      TTL_SECONDS,
    ],
  },
};

/**
 * The ceiling: the driver alone, as its documentation would have it, writes the rows from memory. It reads no log, checks
 * nothing, and leaves no index, lineage or windows.
 */
export async function bareLoop(rows: readonly BenchRow[], login: CassandraLogin): Promise<CeilingFigures> {
  const client = await connectCassandra(login);
  try {
    const work = batchesOf(rows);
    // Statements are prepared and the code is warm before the clock runs, as the consumer's are at its first row.
    await write(client, work.splice(0, IN_FLIGHT), login);
    const count = work.reduce((sum, batch) => sum + batch.length, 0);
    const cpu = process.cpuUsage();
    const started = performance.now();
    await write(client, work, login);
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { rows: count, seconds, cpuSeconds: (user + system) / 1e6, rssBytes: Deno.memoryUsage().rss };
  } finally {
    await client.shutdown();
  }
}

async function write(client: Client, work: readonly BenchRow[][], login: CassandraLogin): Promise<void> {
  let next = 0;
  const options = { prepare: true, logged: false, consistency: consistencyOf(login.consistency.write) };
  const worker = async () => {
    for (let batch = work[next++]; batch !== undefined; batch = work[next++]) {
      await client.batch(
        batch.map(({ table, after }) => {
          const { cql, values } = STATEMENTS[table]!;
          return { query: cql, params: values(after) };
        }),
        options,
      );
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** Rows of one symbol each, in their order. */
function batchesOf(rows: readonly BenchRow[]): BenchRow[][] {
  const open = new Map<unknown, BenchRow[]>();
  const done: BenchRow[][] = [];
  for (const row of rows) {
    const { symbol } = row.after;
    let batch = open.get(symbol);
    if (batch === undefined) open.set(symbol, batch = []);
    batch.push(row);
    if (batch.length < BATCH) continue;
    done.push(batch);
    open.delete(symbol);
  }
  return [...done, ...open.values()];
}
