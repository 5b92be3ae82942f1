import { type CassandraReader, type CassandraRow, numberOf } from "./cassandra_reader.ts";

/** Partitions that one call counts at most, and how long it goes on beginning others. */
const PARTITIONS = 64;
const BUDGET_MS = 250;
/** Partition keys that are remembered of a table (I10); Binance lists some 3,000 symbols. */
const KEYS = 50_000;

type Counted = {
  /** By the name under which it is shown. */
  name: string;
  /** What is counted: a table with the same keys as the one shown, and rows that cost little to pass over. */
  from: string;
  key: readonly string[];
  /** The partitions' number is the rows' number. */
  single?: boolean;
  /** Instead of count(*): rows that the partition's rows stand for. */
  columns?: string;
  rows?: (row: CassandraRow) => number;
};

const TABLES: readonly Counted[] = [
  { name: "crypto_24h_stats", from: "crypto_24h_stats", key: ["symbol"], single: true },
  { name: "latest_prices", from: "latest_prices", key: ["symbol"] },
  { name: "klines", from: "klines", key: ["symbol"] },
  { name: "order_book", from: "book_marks", key: ["symbol"] },
  {
    // A partition of trades may hold millions; the index tells their ids by minute, and ids have no holes.
    name: "recent_trades",
    from: "trade_index",
    key: ["symbol"],
    columns: "sum(first_id) AS first, sum(last_id) AS last, count(last_id) AS minutes",
    rows: (row) => numberOf(row.last)! - numberOf(row.first)! + numberOf(row.minutes)!,
  },
  { name: "completeness", from: "completeness", key: ["symbol"] },
  { name: "windows", from: "windows", key: ["symbol", "window"] },
  { name: "dirty_minutes", from: "dirty_minutes", key: ["symbol"] },
  { name: "dead_letters", from: "dead_letters", key: ["shard"] },
  { name: "alerts", from: "alerts_by_day", key: ["day"] },
];

type Table = Counted & {
  /** Rows by partition; null where it is still to be counted. */
  partitions: Map<string, { values: unknown[]; rows: number | null }>;
};

/**
 * Rows per table without ever scanning one: the partitions are listed, then a few of them are counted at every call, in
 * turn, for ever. A table's number is the sum of its partitions' last counts; partitions not counted yet stand in with
 * the mean of the others. Exact a round after the last change; a round takes as many calls as there are 64 partitions.
 */
export class CassandraCounts {
  readonly #reader: CassandraReader;
  readonly #tables: Table[] = TABLES.map((table) => ({ ...table, partitions: new Map() }));
  /** Work of this round: partitions of the tables from `#table` on. */
  #queue: { table: Table; key: string }[] = [];
  #table = 0;
  #running: Promise<Record<string, number>> | undefined;

  constructor(reader: CassandraReader) {
    this.#reader = reader;
  }

  /** The numbers now, after one step. Calls at the same time share a step. */
  counts(): Promise<Record<string, number>> {
    this.#running ??= this.#step().finally(() => this.#running = undefined);
    return this.#running;
  }

  async #step(): Promise<Record<string, number>> {
    const until = performance.now() + BUDGET_MS;
    let left = PARTITIONS;
    let listed = 0;
    while (left > 0 && listed <= this.#tables.length && performance.now() < until) {
      if (this.#queue.length === 0) {
        // The end of a round; a call makes one at most.
        if (listed > 0 && this.#table === 0) break;
        await this.#list(this.#tables[this.#table]!);
        this.#table = (this.#table + 1) % this.#tables.length;
        listed++;
        continue;
      }
      const some = this.#queue.splice(0, Math.min(8, left));
      left -= some.length;
      await Promise.all(some.map(({ table, key }) => this.#count(table, key)));
    }
    return Object.fromEntries(this.#tables.map((table) => [table.name, sumOf(table)]));
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
    if (!table.single) this.#queue = [...now.keys()].map((key) => ({ table, key }));
  }

  async #count(table: Table, key: string): Promise<void> {
    const partition = table.partitions.get(key);
    if (partition === undefined) return;
    const where = table.key.map((column) => `${column} = ?`).join(" AND ");
    const [row] = await this.#reader.rows(
      `SELECT ${table.columns ?? "count(*) AS count"} FROM ${this.#reader.table(table.from)} WHERE ${where}`,
      partition.values,
    );
    partition.rows = table.rows?.(row!) ?? numberOf(row!.count)!;
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
