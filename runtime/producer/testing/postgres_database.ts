// @ts-types="@types/pg"
import pg from "pg";
import type { EpochMs } from "../../market/epoch.ts";
import { migratePostgres } from "../../postgres/migrate_postgres.ts";
import { ensurePartitions, PARTITIONED, type PartitionedTable } from "../../postgres/partition_postgres.ts";
import { startPostgres } from "../../postgres/server.ts";

/** A database of the real schema in a temporary folder, and the producer's login. */
export type TestDatabase = AsyncDisposable & {
  /** What `PostgresTables` connects with, as the role that the producer has. */
  login: { host: string; port: number; database: string; user: string; password: string };
  /** The owner's connection, to look and to meddle. */
  owner: pg.Client;
  pid: number;
  partitions(table: string, range: { from: number; to: number }): Promise<void>;
  empty(): Promise<void>;
};

/** Starts an embedded PostgreSQL with the schema and the partitions of the days given. */
export async function testDatabase(range: { from: number; to: number }): Promise<TestDatabase> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const server = await startPostgres({ folder, port: 0 });
  await migratePostgres(server, {
    origin: { kind: "exchange", id: "test", label: "test" },
    passwords: { candlewire_producer: "producer", candlewire_capture: "capture" },
  });
  const { host, port, database } = server;
  const owner = new pg.Client({ host, port, database, user: server.user, password: server.password });
  owner.on("error", () => {});
  await owner.connect();
  const partitions = async (table: string, { from, to }: { from: number; to: number }) => {
    await ensurePartitions(owner, table as PartitionedTable, { from: from as EpochMs, to: to as EpochMs });
  };
  for (const table of PARTITIONED) await partitions(table, range);
  return {
    login: { host, port, database, user: "candlewire_producer", password: "producer" },
    owner,
    pid: server.pid,
    partitions,
    async empty() {
      await owner.query(
        `TRUNCATE crypto_24h_stats, latest_prices, klines, order_book, recent_trades, completeness, candlewire_fence`,
      );
    },
    async [Symbol.asyncDispose]() {
      await owner.end().catch(() => {});
      await server.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
