/**
 * What a row costs to store in Cassandra, side by side in one run: a bare loop of the driver that writes the same rows
 * to the same tables (the ceiling), and the consumer's store.
 *
 * The rows are recent_trades of several symbols in the order a log has them. "The same rows": each trade, and the side
 * rows that the consumer must leave to be read later, one set a batch and symbol, as the store leaves them: trade_index
 * (first and last id), lineage, dirty_minutes. The bare loop makes batches of 50 trades of a symbol, with those four, and has 16
 * under way, with `client.batch` as the driver offers it.
 *
 *     deno run -A runtime/bench/cassandra_ceiling.ts [rows] [rounds] [records a write]
 *
 * Prints rows/s and µs of CPU a row of this process (user + system), each round in turn, and the bare loop twice (A/A).
 * Servers: CANDLEWIRE_TEST_STACK, else 127.0.0.1:9042.
 */
import cassandra from "cassandra-driver";
import { Buffer } from "node:buffer";
import process from "node:process";
import { connectCassandra } from "../cassandra/client_cassandra.ts";
import type { CassandraLogin } from "../cassandra/login.ts";
import { migrateCassandra } from "../cassandra/migrate_cassandra.ts";
import { CassandraMarketStore } from "../consumer/store/cassandra.ts";
import type { Retention } from "../consumer/store/market_store.ts";
import type { Change } from "../consumer/transform/transform.ts";
import type { EpochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import { TABLES } from "../market/table.ts";
import { testStack } from "../tests/test_stack.ts";

const [rows = 200_000, rounds = 3, perWrite = 2000] = Deno.args.map(Number);
const SYMBOLS = 20;
const BATCH = 50;
const IN_FLIGHT = 16;
const DAY = 86_400_000;
const ORIGIN: Origin = { kind: "exchange", id: "bench", label: "bench" };

const servers = testStack()?.cassandra ??
  { contactPoints: ["127.0.0.1"], port: 9042, localDataCenter: "datacenter1" };
const login: CassandraLogin = {
  ...servers,
  keyspace: `bench_${crypto.randomUUID().slice(0, 8)}`,
  tls: null,
  username: null,
  consistency: { write: "LOCAL_QUORUM", read: "LOCAL_ONE", tables: {} },
  connectTimeoutMs: 5000,
  requestTimeoutMs: 30_000,
};
const retention = Object.fromEntries(
  [...TABLES, "windows_1s", "windows", "alerts"].map((name) => [name, DAY]),
) as Retention;

/** Trades of the last half hour, the symbols in turn. Each run gets symbols of its own. */
function trades(run: string): Change[] {
  const start = Date.now() - 1_800_000;
  return Array.from({ length: rows }, (_, at) => {
    const symbol = `${run}${at % SYMBOLS}USDT`;
    const time = start + Math.floor(at * 1_500_000 / rows);
    return {
      table: "recent_trades",
      kind: "upsert",
      row: {
        symbol,
        trade_id: 4_000_000_000 + Math.floor(at / SYMBOLS),
        price: (61_234 + at % 1000 / 100).toFixed(8),
        quantity: (0.001 + at % 777 / 1000).toFixed(8),
        trade_time: time as EpochMs,
        is_buyer_maker: at % 3 === 0,
        backfill: false,
      },
      version: time * 1000,
      topic: "binance.public.recent_trades",
      partition: at % 4,
      offset: at,
    };
  });
}

type Trade = Change<"recent_trades">;

/** As the driver's documentation would have it. */
async function bareLoop(client: cassandra.Client, changes: Change[]): Promise<void> {
  const groups = new Map<string, Trade[]>();
  const work: Trade[][] = [];
  for (const change of changes as unknown as Trade[]) {
    let group = groups.get(change.row.symbol);
    if (group === undefined) groups.set(change.row.symbol, group = []);
    group.push(change);
    if (group.length === BATCH) {
      work.push(group);
      groups.delete(change.row.symbol);
    }
  }
  work.push(...groups.values());
  const { Long } = cassandra.types;
  const trade =
    "INSERT INTO recent_trades (symbol, trade_id, price, quantity, trade_time, is_buyer_maker) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
  const first =
    "UPDATE trade_index USING TIMESTAMP ? AND TTL ? SET first_id = ? WHERE symbol = ? AND minute = ?";
  const last =
    "UPDATE trade_index USING TIMESTAMP ? AND TTL ? SET last_id = ? WHERE symbol = ? AND minute = ?";
  const lineage =
    "INSERT INTO lineage (symbol, first_trade_id, topic, partition, last_trade_id, first_offset, last_offset, stored_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
  const mark =
    "INSERT INTO dirty_minutes (symbol, minute, mark, writer) VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
  let next = 0;
  const worker = async () => {
    for (let group = work[next++]; group !== undefined; group = work[next++]) {
      const queries = group.map(({ row, version }) => ({
        query: trade,
        params: [
          row.symbol,
          Long.fromNumber(row.trade_id),
          Number(row.price),
          Number(row.quantity),
          row.trade_time,
          row.is_buyer_maker,
          Long.fromNumber(version),
          DAY / 1000,
        ] as unknown[],
      }));
      const a = group[0]!;
      const b = group[group.length - 1]!;
      const minute = a.row.trade_time - a.row.trade_time % 60_000;
      const stamp = Date.now() * 1000;
      queries.push(
        {
          query: first,
          params: [2 ** 53 - a.row.trade_id, DAY / 1000, a.row.trade_id, a.row.symbol, minute],
        },
        { query: last, params: [b.row.trade_id, DAY / 1000, b.row.trade_id, a.row.symbol, minute] },
        {
          query: lineage,
          params: [
            a.row.symbol,
            a.row.trade_id,
            a.topic,
            a.partition,
            b.row.trade_id,
            a.offset,
            b.offset,
            Date.now(),
            b.row.trade_id,
            DAY / 1000,
          ],
        },
        { query: mark, params: [a.row.symbol, minute, stamp, "bench", stamp, DAY / 1000] },
      );
      await client.batch(queries, {
        prepare: true,
        logged: false,
        isIdempotent: true,
        consistency: cassandra.types.consistencies.localQuorum,
        routingKey: Buffer.from(a.row.symbol),
      });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** What the consumer does: one batch of records after the other, each durable before the next. */
async function storeWrites(store: CassandraMarketStore, changes: Change[]): Promise<void> {
  for (let at = 0; at < changes.length; at += perWrite) {
    await store.write({
      changes: changes.slice(at, at + perWrite),
      positions: [],
      deadLetters: [],
      at: Date.now() as EpochMs,
    });
  }
}

async function measured(name: string, work: () => Promise<void>): Promise<void> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const after = process.cpuUsage();
  const cpu = after.user - before.user + after.system - before.system;
  console.log(
    `${name.padEnd(22)} ${Math.round(rows / ms * 1000).toString().padStart(7)} rows/s  ${
      (cpu / rows).toFixed(1).padStart(5)
    } µs CPU a row`,
  );
}

await migrateCassandra(login, {
  config: { replication: { [servers.localDataCenter]: 1 } },
  origin: ORIGIN,
});
const client = await connectCassandra(login);
const symbols = new Set<string>();
const store = await CassandraMarketStore.open(login, { origin: ORIGIN, writer: "bench", retention });
try {
  console.log(`${rows} trades of ${SYMBOLS} symbols, ${rounds} rounds, store.write of ${perWrite} records`);
  for (let round = 1; round <= rounds; round++) {
    for (const name of ["bare loop A", "store.write", "bare loop A again"]) {
      const changes = trades(`${name[0]}${name.length}R${round}_`);
      for (const { row } of changes.slice(0, SYMBOLS)) symbols.add(row.symbol);
      await measured(
        `${round} ${name}`,
        () => name === "store.write" ? storeWrites(store, changes) : bareLoop(client, changes),
      );
    }
  }
  let found = 0;
  for (const symbol of symbols) {
    // A partition at a time: counting all at once outlasts the server's patience.
    const counted = await client.execute("SELECT COUNT(*) AS n FROM recent_trades WHERE symbol = ?", [
      symbol,
    ]);
    found += Number(counted.first()!.n);
  }
  console.log(`${found} rows stored, ${rows * rounds * 3} written`);
} finally {
  await store[Symbol.asyncDispose]();
  await client.execute(`DROP KEYSPACE ${login.keyspace}`, [], { prepare: false, readTimeout: 60_000 }).catch(
    console.error,
  );
  await client.shutdown();
}
