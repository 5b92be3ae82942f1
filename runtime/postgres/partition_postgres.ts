import pg from "pg";
import { CandlewireError } from "../error.ts";
import { type EpochMs, epochMs } from "../market/epoch.ts";

const DAY_MS = 86_400_000;

/** Tables that are cut into a partition a UTC day, so that retention drops partitions and never deletes rows. */
export const PARTITIONED = ["recent_trades", "latest_prices", "klines"] as const;
export type PartitionedTable = typeof PARTITIONED[number];

/** The most partitions that one call makes: a wild time in a frame must not make thousands of tables (I10). */
const MOST_AT_ONCE = 400;

/** Makes the partitions of a table that cover [from, to]; those that are there stay. Returns how many were made. */
export async function ensurePartitions(
  client: pg.Client,
  table: PartitionedTable,
  range: { from: EpochMs; to: EpochMs },
): Promise<number> {
  const first = Math.floor(range.from / DAY_MS);
  const last = Math.floor(range.to / DAY_MS);
  if (!PARTITIONED.includes(table) || !(last >= first) || last - first >= MOST_AT_ONCE) {
    throw new CandlewireError(
      "postgres.partition_range",
      `Make partitions of ${table} from ${range.from} to ${range.to}: at most ${MOST_AT_ONCE} days at once`,
    );
  }
  const known = new Set((await listPartitions(client, table)).map((partition) => partition.name));
  let made = 0;
  for (let day = first; day <= last; day++) {
    const name = `${table}_p${dayName(day)}`;
    if (known.has(name)) continue;
    // A new partition takes an exclusive lock on the root, too: behind a long reader, such as a snapshot, it would hold
    // up the producer. Both or neither: a partition without replica identity would lose its deletes.
    await inTransaction(
      client,
      `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table}
         FOR VALUES FROM ('${iso(day)}') TO ('${iso(day + 1)}');
       ALTER TABLE ${name} REPLICA IDENTITY FULL`,
    );
    made++;
  }
  return made;
}

/** Drops the partitions that lie wholly before `before`. Returns their names. */
export async function dropPartitionsBefore(
  client: pg.Client,
  table: PartitionedTable,
  before: EpochMs,
): Promise<string[]> {
  const dropped: string[] = [];
  for (const partition of await listPartitions(client, table)) {
    if (partition.until > before) continue;
    await inTransaction(client, `DROP TABLE ${pg.escapeIdentifier(partition.name)}`);
    dropped.push(partition.name);
  }
  return dropped;
}

/** The start of the oldest day whose partition {@linkcode dropPartitionsBefore} keeps. */
export function firstKeptDay(before: EpochMs): EpochMs {
  return epochMs(Math.floor(before / DAY_MS) * DAY_MS);
}

/** Changes the root's partitions, or gives up soon on its lock, rather than hold up the producer behind it. */
async function inTransaction(client: pg.Client, sql: string): Promise<void> {
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = '2s'; ${sql}; COMMIT`);
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

async function listPartitions(
  client: pg.Client,
  table: PartitionedTable,
): Promise<{ name: string; until: EpochMs }[]> {
  const result = await client.query(
    "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass",
    [table],
  );
  return result.rows.flatMap(({ name }: { name: string }) => {
    const match = /_p(\d{4})(\d{2})(\d{2})$/.exec(name);
    if (match === null) return [];
    return [{
      name,
      until: epochMs(Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) + DAY_MS),
    }];
  });
}

function iso(day: number): string {
  return new Date(day * DAY_MS).toISOString();
}

function dayName(day: number): string {
  return iso(day).slice(0, 10).replaceAll("-", "");
}
