import type { EpochMs } from "../market/epoch.ts";
import { type CassandraReader, type CassandraRow, numberOf } from "./cassandra_reader.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { MarketQuery, Page, StoredAlert } from "./market_query.ts";
import { checkLimit } from "./page.ts";

/** Alerts that are read in one go, at least: what is asked for undelivered ones passes over many. */
const CHUNK = 64;
/** Delivered alerts that are remembered. */
const REMEMBERED = 50_000;

type Entry = { day: number; at: number; id: string };

/**
 * Alerts, newest first, along `alerts_by_day`. An alert that was delivered stays so: ids of delivered ones are
 * remembered, so that looking again and again for those that are not reads the entries alone.
 */
export class CassandraAlerts {
  readonly #reader: CassandraReader;
  readonly #delivered = new Set<string>();

  constructor(reader: CassandraReader) {
    this.#reader = reader;
  }

  async page(options: Parameters<MarketQuery["alerts"]>[0]): Promise<Page<StoredAlert>> {
    const limit = checkLimit(options.limit);
    const after = decodeCursor("alerts", ["number", "number", "string"], options.cursor) as
      | [number, number, string]
      | undefined;
    const open = options.undeliveredOnly ?? false;
    const found: { entry: Entry; alert: StoredAlert }[] = [];
    let chunk: Entry[] = [];
    const take = async () => {
      const alerts = await this.#alertsOf(chunk);
      chunk = [];
      found.push(...alerts.filter(({ alert }) => !(open && alert.delivered)));
    };
    const size = Math.max(CHUNK, limit + 1);
    for await (const entry of this.#entries(after)) {
      if (open && this.#delivered.has(entry.id)) continue;
      chunk.push(entry);
      if (chunk.length < size) continue;
      await take();
      if (found.length > limit) break;
    }
    if (chunk.length > 0) await take();
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    return {
      rows: shown.map(({ alert }) => alert),
      next: found.length > limit && last !== undefined
        ? encodeCursor("alerts", [last.entry.day, last.entry.at, last.entry.id])
        : null,
    };
  }

  /** Entries after a place, newest first; days are few, for alerts expire. */
  async *#entries(after: [number, number, string] | undefined): AsyncGenerator<Entry> {
    const table = this.#reader.table("alerts_by_day");
    const days: number[] = [];
    for await (const rows of this.#reader.scan(`SELECT DISTINCT day FROM ${table}`, [])) {
      for (const row of rows) days.push(row.day as number);
    }
    days.sort((a, b) => b - a);
    for (const day of days) {
      if (after !== undefined && day > after[0]) continue;
      const rest = after !== undefined && day === after[0];
      const select = `SELECT raised_at, id FROM ${table} WHERE day = ?${rest ? " AND raised_at <= ?" : ""}`;
      for await (const rows of this.#reader.scan(select, rest ? [day, after![1]] : [day])) {
        for (const row of rows) {
          const entry = { day, at: numberOf(row.raised_at)!, id: row.id as string };
          // Within a day: raised_at descending, then id ascending.
          if (rest && entry.at === after![1] && entry.id <= after![2]) continue;
          yield entry;
        }
      }
    }
  }

  async #alertsOf(entries: Entry[]): Promise<{ entry: Entry; alert: StoredAlert }[]> {
    const rows = await this.#reader.each(
      `SELECT id, rule, symbol, message, raised_at, evidence, delivered FROM ${
        this.#reader.table("alerts")
      } WHERE id = ?`,
      entries.map(({ id }) => [id]),
    );
    return entries.flatMap((entry, at) => {
      const [row] = rows[at]!;
      // The entry is written first: without its alert, or with another time, it stands for nothing.
      if (row === undefined || numberOf(row.raised_at) !== entry.at) return [];
      const alert = alertOf(row);
      if (alert.delivered) this.#remember(alert.id);
      return [{ entry, alert }];
    });
  }

  #remember(id: string): void {
    if (this.#delivered.size >= REMEMBERED) this.#delivered.clear();
    this.#delivered.add(id);
  }
}

function alertOf(row: CassandraRow): StoredAlert {
  return {
    id: row.id as string,
    rule: row.rule as string,
    symbol: row.symbol as string,
    message: row.message as string,
    raised_at: numberOf(row.raised_at) as EpochMs,
    evidence: JSON.parse(row.evidence as string),
    delivered: (row.delivered ?? false) as boolean,
  };
}
