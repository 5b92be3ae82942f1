import { CandlewireError } from "../error.ts";
import type { TableBatch, TableName } from "../market/table.ts";
import { wait } from "../wait.ts";
import type { MarketTables } from "./table/market_table.ts";
import { type AnyRow, ROW_SHAPES, rowsOf, WRITE_ORDER } from "./table/row_shape.ts";

/** What one table's part of a batch came to. */
export type WriteCounts = Awaited<ReturnType<MarketTables["write"]>>;

const DAY_MS = 86_400_000;

/** A range of days that a table lacks partitions for, epoch ms. */
export type PartitionRange = { table: TableName; from: number; to: number };

/** Options of {@linkcode WriteQueue}. */
export type WriteQueueOptions = {
  maxBatchRows: number;
  maxQueuedRows: number;
  lingerMs: number;
  /** Asks the host to make partitions. `refused`: it never will, for the range is past what is kept. */
  makePartitions: (range: PartitionRange) => Promise<"made" | "refused">;
  /** Rows that were left out by a rule, such as `expired`. */
  onFiltered: (rule: string, table: TableName, rows: number) => void;
  /** After each commit. */
  onWritten: (counts: WriteCounts) => void;
  /** A row that can never be stored; it is set aside and the others are written. */
  onBadRow: (table: TableName, row: AnyRow, reason: string) => void;
  /** The state of the database: null when a write succeeded again. */
  onBlocked: (error: CandlewireError | null) => void;
  /** First wait after a failed write; later ones up to 20 times as long. Default 100 ms. */
  retryBaseMs?: number;
};

type Item = {
  batch: TableBatch;
  rows: number;
  resolve?: (result: { counts: WriteCounts; refused: RefusedRow[] }) => void;
  reject?: (error: unknown) => void;
};

/** A row that the database refused. */
export type RefusedRow = { table: TableName; reason: string; row: AnyRow };

/**
 * Batches for one writer, in order: a transaction takes what has gathered while the one before it ran. It never
 * drops anything: while the database is away it tries again without end, and `room` holds the reader back (I5, I10).
 */
export class WriteQueue {
  readonly #tables: MarketTables;
  readonly #options: WriteQueueOptions;
  readonly #items: Item[] = [];
  #queued = 0;
  #wake: (() => void) | undefined;
  readonly #roomy: (() => void)[] = [];
  #blockedBy: CandlewireError | null = null;
  /** When the write that runs was sent; undefined while none does. */
  #sentAt: number | undefined;
  #failed: unknown;

  constructor(tables: MarketTables, options: WriteQueueOptions) {
    this.#tables = tables;
    this.#options = options;
  }

  /** Rows waiting, those of the running transaction included. */
  get queuedRows(): number {
    return this.#queued;
  }

  /** True while writes fail for want of the database. */
  get blocked(): boolean {
    return this.#blockedBy !== null;
  }

  /** Why they fail; null while they do not. */
  get blockedBy(): CandlewireError | null {
    return this.#blockedBy;
  }

  /** How long the database has not answered the write that runs, ms: it may be held up long before it fails. */
  get unansweredMs(): number {
    return this.#sentAt === undefined ? 0 : performance.now() - this.#sentAt;
  }

  /** True while `room` would wait. */
  get full(): boolean {
    return this.#queued >= this.#options.maxQueuedRows;
  }

  /** Adds rows that belong together. Whoever adds much waits for {@linkcode room} before the next. */
  push(batch: TableBatch): void {
    this.#add({ batch, rows: rowCount(batch) });
  }

  /** Writes rows in a transaction of their own and resolves when it is committed. */
  write(batch: TableBatch): Promise<{ counts: WriteCounts; refused: RefusedRow[] }> {
    return new Promise((resolve, reject) =>
      this.#failed === undefined
        ? this.#add({ batch, rows: rowCount(batch), resolve, reject })
        : reject(this.#failed)
    );
  }

  /** Resolves once there is room, or the signal aborts. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.full && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.#roomy.push(done);
        signal.addEventListener("abort", done, { once: true });
      });
    }
  }

  /**
   * Writes until `stopping` aborts and nothing is left, or `giveUp` aborts. Rejects with `table.fenced` when a newer
   * writer has taken over.
   */
  async run(stopping: AbortSignal, giveUp: AbortSignal): Promise<void> {
    const wake = () => this.#wake?.();
    stopping.addEventListener("abort", wake);
    giveUp.addEventListener("abort", wake);
    try {
      while (!giveUp.aborted) {
        if (this.#items.length === 0) {
          if (stopping.aborted) return;
          await new Promise<void>((resolve) => this.#wake = resolve);
          this.#wake = undefined;
          continue;
        }
        if (this.#queued < this.#options.maxBatchRows / 4 && !stopping.aborted) {
          await wait(this.#options.lingerMs, stopping);
        }
        await this.#writeNext(giveUp);
      }
    } catch (error) {
      this.#failed = error;
      throw error;
    } finally {
      stopping.removeEventListener("abort", wake);
      giveUp.removeEventListener("abort", wake);
      for (const item of this.#items) {
        item.reject?.(this.#failed ?? new CandlewireError("producer.stopped", "Write rows: it is stopping"));
      }
      for (const resolve of this.#roomy.splice(0)) resolve();
    }
  }

  async #writeNext(giveUp: AbortSignal): Promise<void> {
    const items = this.#take();
    const batch = merge(items);
    const refused: RefusedRow[] = [];
    const { retryBaseMs = 100 } = this.#options;
    for (let attempt = 0; !giveUp.aborted; attempt++) {
      try {
        this.#sentAt = performance.now();
        const counts = await this.#tables.write(batch).finally(() => this.#sentAt = undefined);
        this.#block(null);
        this.#options.onWritten(counts);
        this.#items.splice(0, items.length);
        for (const item of items) {
          this.#queued -= item.rows;
          item.resolve?.({ counts, refused });
        }
        if (!this.full) { for (const resolve of this.#roomy.splice(0)) resolve(); }
        return;
      } catch (error) {
        if (!(error instanceof CandlewireError)) throw error;
        if (error.code === "table.fenced") throw error;
        if (error.code === "table.bad_row" && this.#setAside(batch, error, refused)) continue;
        if (error.code === "table.missing_partition" && attempt < 3) {
          if (await this.#makePartitions(batch, error)) continue;
        }
        // Nothing else drops a row: the same batch again, however long it takes (I5).
        this.#block(error);
        await wait(Math.min(retryBaseMs * 2 ** attempt, retryBaseMs * 20), giveUp);
        if (error.code === "table.missing_partition") attempt = 0;
      }
    }
  }

  /** The items of the next transaction: whole ones from the front, at least one; a `write` stands alone. */
  #take(): Item[] {
    let rows = 0;
    let count = 0;
    for (const item of this.#items) {
      if (count > 0 && (item.resolve !== undefined || rows + item.rows > this.#options.maxBatchRows)) break;
      rows += item.rows;
      count++;
      if (item.resolve !== undefined) break;
    }
    return this.#items.slice(0, count);
  }

  #setAside(batch: TableBatch, error: CandlewireError, refused: RefusedRow[]): boolean {
    const found = error.details.rows as { table: TableName; index: number; reason: string }[] | undefined;
    if (found === undefined || found.length === 0) return false;
    for (const { table, index, reason } of [...found].sort((a, b) => b.index - a.index)) {
      const [row] = rowsOf(batch, table).splice(index, 1);
      if (row === undefined) continue;
      refused.push({ table, reason, row });
      this.#options.onBadRow(table, row, reason);
    }
    return true;
  }

  /** False when the host could not be asked. */
  async #makePartitions(batch: TableBatch, error: CandlewireError): Promise<boolean> {
    const ranges = [...error.details.ranges as PartitionRange[]];
    try {
      for (const range of ranges) {
        if (await this.#options.makePartitions(range) === "made") continue;
        const { table } = range;
        // Of several days perhaps one alone is past what is kept: each is asked for by itself.
        if (range.to - range.from >= DAY_MS) {
          const days: PartitionRange[] = [];
          for (let from = range.from; from <= range.to; from += DAY_MS) {
            days.push({ table, from, to: Math.min(range.to, from + DAY_MS - 1) });
          }
          ranges.push(...days);
          continue;
        }
        const column = ROW_SHAPES[table].partitionedBy as string;
        const rows = rowsOf(batch, table);
        const kept = rows.filter((row) => {
          const time = row[column] as number;
          return time < range.from || time > range.to;
        });
        (batch as Record<string, AnyRow[]>)[table] = kept;
        this.#options.onFiltered("expired", table, rows.length - kept.length);
      }
      return true;
    } catch {
      return false;
    }
  }

  #block(error: CandlewireError | null): void {
    if (error === null && this.#blockedBy === null) return;
    this.#blockedBy = error;
    this.#options.onBlocked(error);
  }

  #add(item: Item): void {
    if (item.rows === 0 && item.resolve === undefined) return;
    this.#items.push(item);
    this.#queued += item.rows;
    this.#wake?.();
  }
}

function rowCount(batch: TableBatch): number {
  let rows = 0;
  for (const table of WRITE_ORDER) rows += batch[table]?.length ?? 0;
  return rows;
}

/** New arrays, for bad rows are taken out of them. */
function merge(items: Item[]): TableBatch {
  const batch: Record<string, AnyRow[]> = {};
  for (const table of WRITE_ORDER) {
    const parts = items.map((item) => rowsOf(item.batch, table)).filter((rows) => rows.length > 0);
    if (parts.length > 0) batch[table] = parts.flat();
  }
  return batch as TableBatch;
}
