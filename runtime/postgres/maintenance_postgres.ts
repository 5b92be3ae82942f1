import pg from "pg";
import { CandlewireError, errorText } from "../error.ts";
import { type EpochMs, epochMs, wallClock } from "../market/epoch.ts";
import { endClient } from "../end_postgres_client.ts";
import {
  dropPartitionsBefore,
  ensurePartitions,
  firstKeptDay,
  PARTITIONED,
  type PartitionedTable,
} from "./partition_postgres.ts";
import { untilAborted } from "../wait.ts";
import type { PostgresEndpoint } from "./server.ts";

/** What maintenance keeps and how often it looks. */
export type MaintenanceOptions = {
  /** Days of data to keep; null keeps everything. */
  retentionDays: number | null;
  /** Partitions made ahead of now; a simulated market may run ahead of the clock. */
  daysAhead: number;
  intervalMs: number;
  signal: AbortSignal;
  /** Called with what was done or went wrong; a failure is tried again at the next interval. */
  report: (level: "info" | "warn", message: string) => void;
};

/** What the producer asks for when a row's day has no partition yet. */
export type Maintenance = AsyncDisposable & {
  /**
   * Makes the partitions that cover a range; answers how many. Rejects with `postgres.partition_range` when a day of it is
   * past what retention keeps: a partition made for it would be dropped in the next round, its rows with it.
   */
  ensure(table: PartitionedTable, range: { from: EpochMs; to: EpochMs }): Promise<number>;
  /** Bytes of WAL that the slot holds back, and of the database; undefined while unreachable. */
  usage(): Promise<{ slotBytes: number | null; slotState: string | null; databaseBytes: number } | undefined>;
};

/**
 * Keeps the source of truth in shape: partitions ahead of the clock, expired ones dropped, and a heartbeat row, so that
 * the slot's position moves while the market is quiet. The lock lets only one of several hosts do it.
 */
export async function maintainPostgres(
  endpoint: PostgresEndpoint,
  options: MaintenanceOptions,
): Promise<Maintenance> {
  let client: pg.Client | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  /** One connection, one statement at a time; opened anew after a failure. */
  const withClient = <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const result = queue.then(async () => {
      if (client === undefined) {
        const opened = new pg.Client({
          ...endpoint,
          connectionTimeoutMillis: 5_000,
          // A server that hangs must not hold up the stop; a new partition waits for readers of its table.
          query_timeout: 30_000,
          keepAlive: true,
          application_name: "candlewire maintenance",
        });
        opened.on("error", () => {
          // An old connection's late failure must not forget the one that replaced it.
          if (client === opened) client = undefined;
        });
        await opened.connect();
        client = opened;
      }
      try {
        return await work(client);
      } catch (error) {
        const broken = client;
        client = undefined;
        if (broken !== undefined) await endClient(broken);
        throw error;
      }
    });
    queue = result.catch(() => {});
    return result;
  };

  const keptSince = () =>
    options.retentionDays === null
      ? undefined
      : firstKeptDay(epochMs(wallClock() - options.retentionDays * 86_400_000));
  const round = () =>
    withClient(async (client) => {
      const now = wallClock();
      const lock = await client.query(
        "SELECT pg_try_advisory_lock(hashtext('candlewire maintenance')) AS held",
      );
      if (!lock.rows[0].held) return;
      for (const table of PARTITIONED) {
        await ensurePartitions(client, table, {
          from: epochMs(now - 86_400_000),
          to: epochMs(now + options.daysAhead * 86_400_000),
        });
        if (options.retentionDays === null) continue;
        for (
          const name of await dropPartitionsBefore(
            client,
            table,
            epochMs(now - options.retentionDays * 86_400_000),
          )
        ) {
          options.report("info", `Dropped partition ${name}: older than ${options.retentionDays} days`);
        }
      }
      await client.query(
        `INSERT INTO candlewire_heartbeat (beat_at) VALUES (now())
           ON CONFLICT (singleton) DO UPDATE SET beat_at = excluded.beat_at`,
      );
    });

  await round();
  let busy = false;
  const timer = setInterval(async () => {
    // Rounds do not queue up behind one that waits for the server (I10).
    if (busy) return;
    busy = true;
    await round().catch((error) => options.report("warn", `Maintain PostgreSQL: ${errorText(error)}`));
    busy = false;
  }, options.intervalMs);
  void untilAborted(options.signal).then(() => clearInterval(timer));

  return {
    async ensure(table, range) {
      const since = keptSince();
      if (since !== undefined && range.from < since) {
        throw new CandlewireError(
          "postgres.partition_range",
          `Make partitions of ${table} from ${iso(range.from)}: only what is newer than ${
            iso(since)
          } is kept`,
          {
            hint:
              `Rows of before expire unwritten; raise postgres.retentionDays (${options.retentionDays}) to keep them`,
          },
        );
      }
      return await withClient((client) => ensurePartitions(client, table, range));
    },
    async usage() {
      try {
        return await withClient(async (client) => {
          const { rows } = await client.query(
            `SELECT pg_database_size(current_database())::float8 AS database_bytes,
            (SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 FROM pg_replication_slots WHERE slot_name = 'candlewire') AS slot_bytes,
            (SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'candlewire') AS slot_state`,
          );
          return {
            slotBytes: rows[0].slot_bytes,
            slotState: rows[0].slot_state,
            databaseBytes: rows[0].database_bytes,
          };
        });
      } catch {
        return undefined;
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await queue;
      if (client !== undefined) await endClient(client);
    },
  };
}

function iso(time: EpochMs): string {
  return Number.isFinite(time) ? new Date(time).toISOString() : String(time);
}
