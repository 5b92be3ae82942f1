import type { Kept } from "./cassandra_floor.ts";
import { type CassandraReader, type CassandraRow, numberOf } from "./cassandra_reader.ts";

/** How long one call goes on counting; beyond it, only what has begun is ended. */
const BUDGET_MS = 100;
/** Partitions of one table that are counted before the next table has its turn, and how many at once. */
const TURN = 128;
const AT_ONCE = 8;
/** Partition keys that are remembered of a table (I10); Binance lists some 3,000 symbols. */
const KEYS = 50_000;

type Counted = {
  /** By the name under which it is shown. */
  name: string;
  /** What is counted: a table with the same keys as the one shown, and rows that cost little to pass over. */
  from: string;
  key: readonly string[];
  /** A clustering column of time, and whose retention it expires by: what has expired is not passed over. */
  time?: string;
  kept?: (key: readonly unknown[]) => keyof Kept;
  /** The partitions' number is the rows' number. */
  single?: boolean;
  /** Counted at every call. */
  always?: boolean;
  /** Instead of count(*): rows that the partition's rows stand for. */
  columns?: string;
  /** Undefined: cannot be told from what this replica has; the last count stays. */
  rows?: (row: CassandraRow) => number | undefined;
};

const TABLES: readonly Counted[] = [
  { name: "crypto_24h_stats", from: "crypto_24h_stats", key: ["symbol"], single: true },
  {
    name: "latest_prices",
    from: "latest_prices",
    key: ["symbol"],
    time: "updated_at",
    kept: () => "latest_prices",
  },
  { name: "klines", from: "klines", key: ["symbol"], time: "open_time", kept: () => "klines" },
  { name: "order_book", from: "book_marks", key: ["symbol"], time: "updated_at", kept: () => "order_book" },
  {
    // A partition of trades may hold millions; the index tells their ids by minute, and ids have no holes.
    name: "recent_trades",
    from: "trade_index",
    key: ["symbol"],
    time: "minute",
    kept: () => "recent_trades",
    columns:
      "sum(first_id) AS first, count(first_id) AS firsts, sum(last_id) AS last, count(last_id) AS minutes",
    // first_id and last_id are written apart: a replica that was away may lack one of them until it is mended.
    rows: (row) =>
      numberOf(row.firsts) === numberOf(row.minutes)
        ? numberOf(row.last)! - numberOf(row.first)! + numberOf(row.minutes)!
        : undefined,
  },
  { name: "completeness", from: "completeness", key: ["symbol"] },
  {
    name: "windows",
    from: "windows",
    key: ["symbol", "window"],
    time: "open_time",
    kept: ([, window]) => window === "1s" ? "windows_1s" : "windows",
  },
  { name: "dirty_minutes", from: "dirty_minutes", key: ["symbol"] },
  { name: "dead_letters", from: "dead_letters", key: ["shard"], always: true },
  { name: "alerts", from: "alerts_by_day", key: ["day"] },
];

type Table = Counted & {
  /** Rows by partition; null where it was never counted. */
  partitions: Map<string, { values: unknown[]; rows: number | null }>;
  /** Partitions that this round is still to count; at its end, they are listed again. */
  queue: string[];
};

/**
 * Rows per table without ever scanning one: a table's partitions are listed and counted a few at a time, tables taking
 * turns, round after round, within 100 ms a call. A table's number is the sum of its partitions' last counts;
 * partitions never counted stand in with the mean of the others. With few symbols every call counts all; with 3,000, a
 * round takes some tens of calls. Dead letters, of which people are told, are counted at every call.
 */
export class CassandraCounts {
  readonly #reader: CassandraReader;
  readonly #floor: (table: keyof Kept) => number;
  readonly #tables: Table[] = TABLES.map((table) => ({ ...table, partitions: new Map(), queue: [] }));
  /** Whose turn it is. */
  #next = 0;
  #running: Promise<Record<string, number>> | undefined;

  /** `floor`: the time before which a table's rows have expired. */
  constructor(reader: CassandraReader, floor: (table: keyof Kept) => number) {
    this.#reader = reader;
    this.#floor = floor;
  }

  /** The numbers now, after one step. Calls at the same time share a step. */
  counts(): Promise<Record<string, number>> {
    this.#running ??= this.#step().finally(() => this.#running = undefined);
    return this.#running;
  }

  async #step(): Promise<Record<string, number>> {
    const until = performance.now() + BUDGET_MS;
    const done = new Set<Table>();
    for (const table of this.#tables) {
      if (!table.always) continue;
      table.queue = [];
      await this.#turn(table);
      done.add(table);
    }
    while (done.size < this.#tables.length && performance.now() < until) {
      const table = this.#tables[this.#next]!;
      this.#next = (this.#next + 1) % this.#tables.length;
      if (done.has(table)) continue;
      await this.#turn(table);
      if (table.queue.length === 0) done.add(table);
    }
    return Object.fromEntries(this.#tables.map((table) => [table.name, sumOf(table)]));
  }

  async #turn(table: Table): Promise<void> {
    if (table.queue.length === 0) await this.#list(table);
    const turn = table.queue.splice(0, TURN);
    const work = async () => {
      for (let key = turn.pop(); key !== undefined; key = turn.pop()) await this.#count(table, key);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  async #list(table: Table): Promise<void> {
    const before = table.partitions;
    const now: Table["partitions"] = new Map();
    const select = `SELECT DISTINCT ${table.key.join(", ")} FROM ${this.#reader.table(table.from)}`;
    for await (const rows of this.#reader.scan(select, [])) {
      for (const row of rows) {
        const values = table.key.map((column) => row[column]);
        const key = JSON.stringify(values);
        if (now.size < KEYS) now.set(key, before.get(key) ?? { values, rows: table.single ? 1 : null });
      }
    }
    table.partitions = now;
    if (!table.single) table.queue = [...now.keys()];
  }

  async #count(table: Table, key: string): Promise<void> {
    const partition = table.partitions.get(key);
    if (partition === undefined) return;
    const { time, kept } = table;
    const where = [
      ...table.key.map((column) => `${column} = ?`),
      ...time === undefined ? [] : [`${time} >= ?`],
    ]
      .join(" AND ");
    const floor = kept === undefined ? [] : [this.#floor(kept(partition.values))];
    const [row] = await this.#reader.rows(
      `SELECT ${table.columns ?? "count(*) AS count"} FROM ${this.#reader.table(table.from)} WHERE ${where}`,
      [...partition.values, ...floor],
    );
    partition.rows = table.rows === undefined ? numberOf(row!.count)! : table.rows(row!) ?? partition.rows;
  }
}

function sumOf({ partitions }: Table): number {
  let sum = 0;
  let counted = 0;
  for (const { rows } of partitions.values()) {
    if (rows === null) continue;
    sum += rows;
    counted++;
  }
  return counted === 0 ? 0 : Math.round(sum * (partitions.size / counted));
}
