import { Buffer } from "node:buffer";
import type { EpochMs } from "../../market/epoch.ts";
import type { CassandraFrame } from "./cassandra_frame.ts";
import type { CassandraMinutes, MarkToWrite } from "./cassandra_minutes.ts";
import { ttlOf } from "./cassandra_rows.ts";
import type { CassandraSender, Mutation } from "./cassandra_sender.ts";
import type { CassandraSession } from "./cassandra_session.ts";
import type { Statements } from "./cassandra_statements.ts";
import type { DirtyMinute, Retention, StoredWindow } from "./market_store.ts";

const UTF8 = new TextEncoder();
/** Statements of one batch at most. */
const BATCH = 100;

type Parts = {
  session: CassandraSession;
  sender: CassandraSender;
  frame: CassandraFrame;
  statements: Statements;
  minutes: CassandraMinutes;
  retention: Retention;
};

/** The windows, and what is unmarked with them. */
export class CassandraWindows {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async stored(
    symbol: string,
    window: StoredWindow["window"],
    from: EpochMs,
    to: EpochMs,
  ): Promise<StoredWindow[]> {
    const rows = await this.#parts.session.rows(
      `Read windows of ${symbol}`,
      `SELECT open_time, trade_count, volume_text, quote_volume_text, vwap_text, realised_variance, first_trade_id,
         last_trade_id FROM windows WHERE symbol = ? AND window = ? AND open_time >= ? AND open_time < ?`,
      [symbol, window, from, to],
    );
    return rows.map((row) => ({
      symbol,
      window,
      open_time: row.open_time.getTime(),
      trade_count: row.trade_count,
      volume: row.volume_text,
      quote_volume: row.quote_volume_text,
      vwap: row.vwap_text,
      realised_variance: row.realised_variance,
      first_trade_id: Number(row.first_trade_id),
      last_trade_id: Number(row.last_trade_id),
    }));
  }

  /**
   * `readAtUs`: the clock just before the trades were read, the time stamp of all that is written, so that what follows
   * from an older state of the trades never replaces what follows from a newer one, whoever wrote it (I2).
   */
  async write(
    windows: readonly StoredWindow[],
    done: readonly DirtyMinute[],
    readAtUs: number,
  ): Promise<void> {
    const { sender, minutes } = this.#parts;
    const kept = new Set(windows.map(({ symbol, window, open_time }) => `${symbol} ${window} ${open_time}`));
    const gone: StoredWindow[] = [];
    for (const { symbol, minute } of done) {
      // Seconds that had trades once and have none now. One read costs less than a range tombstone a time.
      const seconds = await this.stored(symbol, "1s", minute, minute + 60_000 as EpochMs);
      gone.push(...seconds.filter(({ window, open_time }) => !kept.has(`${symbol} ${window} ${open_time}`)));
      if (!kept.has(`${symbol} 1m ${minute}`)) {
        gone.push({ symbol, window: "1m", open_time: minute, trade_count: 0 } as StoredWindow);
      }
    }
    const removed = gone.map((window) => ({ ...window, trade_count: 0 }));
    await sender.send(this.#mutations([...windows, ...removed], readAtUs), "Store windows");
    // Only then: a minute is unmarked when its windows are durable.
    const marks = minutes.done(done);
    try {
      await sender.send(this.#unmark(marks), "Unmark minutes");
    } catch (error) {
      minutes.undone(marks);
      throw error;
    }
  }

  #mutations(windows: readonly StoredWindow[], stamp: number): Mutation[] {
    const { frame, session } = this.#parts;
    const groups = new Map<string, StoredWindow[]>();
    for (const window of windows) {
      const key = `${window.window} ${window.symbol}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [window]);
      else group.push(window);
    }
    const mutations: Mutation[] = [];
    const now = Date.now();
    for (const group of groups.values()) {
      const symbol = UTF8.encode(group[0]!.symbol);
      const length = UTF8.encode(group[0]!.window);
      const routingKey = compositeKey([symbol, length]);
      const take = () =>
        mutations.push({ frame: frame.take(session.write), consistency: session.write, routingKey });
      for (const window of group) {
        this.#encode(symbol, length, window, { stamp, now });
        if (frame.statements >= BATCH) take();
      }
      if (frame.statements > 0) take();
    }
    return mutations;
  }

  #encode(
    symbol: Uint8Array,
    length: Uint8Array,
    row: StoredWindow,
    at: { stamp: number; now: number },
  ): void {
    const { frame, statements, retention } = this.#parts;
    if (row.trade_count === 0) {
      frame.begin(statements.windowGone);
      frame.long(at.stamp, "mark");
      frame.bytes(symbol);
      frame.bytes(length);
      frame.long(row.open_time, "open_time");
      return;
    }
    frame.begin(statements.window);
    frame.bytes(symbol);
    frame.bytes(length);
    frame.long(row.open_time, "open_time");
    frame.int(row.trade_count, "trade_count");
    frame.decimal(row.volume, "volume");
    frame.text(row.volume, "volume");
    frame.decimal(row.quote_volume, "quote_volume");
    frame.text(row.quote_volume, "quote_volume");
    if (row.vwap === null) frame.null();
    else frame.decimal(row.vwap, "vwap");
    frame.text(row.vwap, "vwap");
    if (row.realised_variance === null) {
      frame.null();
      frame.null();
    } else {
      frame.double(row.realised_variance, "realised_variance");
      frame.double(Math.sqrt(row.realised_variance), "realised_volatility");
    }
    frame.long(row.first_trade_id, "first_trade_id");
    frame.long(row.last_trade_id, "last_trade_id");
    frame.long(at.stamp, "mark");
    frame.int(
      ttlOf(row.window === "1s" ? retention.windows_1s : retention.windows, row.open_time, at.now),
      "time to live",
    );
  }

  #unmark(marks: readonly MarkToWrite[]): Mutation[] {
    const { frame, session, statements } = this.#parts;
    const ordered = [...marks].sort((a, b) => a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0);
    const mutations: Mutation[] = [];
    ordered.forEach((mark, at) => {
      const symbol = Buffer.from(mark.symbol);
      frame.begin(statements.unmark);
      frame.long(mark.stamp, "mark");
      frame.bytes(symbol);
      frame.long(mark.minute, "minute");
      if (ordered[at + 1]?.symbol === mark.symbol && frame.statements < BATCH) return;
      mutations.push({ frame: frame.take(session.write), consistency: session.write, routingKey: symbol });
    });
    return mutations;
  }
}

/** A partition key of several columns as the partitioner sees it: each with its length before and a zero behind. */
function compositeKey(parts: Uint8Array[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(part.length);
    return [length, part, Buffer.alloc(1)];
  }));
}
