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
/** Hours whose time stamps are read at once, and that are remembered. */
const AT_ONCE = 32;
const MOST_REMEMBERED = 10_000;
const HOUR_MS = 3_600_000;

type Parts = {
  session: CassandraSession;
  sender: CassandraSender;
  frame: CassandraFrame;
  statements: Statements;
  minutes: CassandraMinutes;
  retention: Retention;
};

/**
 * The windows, and what is unmarked with them. Their time stamp is the clock just before the trades were read, so that what
 * follows from an older state of the trades never replaces what follows from a newer one, whoever wrote it (I2). Where a
 * clock that is or was ahead has stamped windows, others that are computed later would stay below them: the hour's stamp is
 * looked at after each write, and until the clock has passed it the hour's windows are stamped just above it.
 */
export class CassandraWindows {
  readonly #parts: Parts;
  /** Time stamps ahead of the clock at which windows were found, µs, by symbol and hour. */
  readonly #ahead = new Map<string, number>();

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

  /** Before the trades of these minutes are read: looks how far ahead the hours that were found so are by now. */
  async prepare(minutes: readonly DirtyMinute[]): Promise<void> {
    if (this.#ahead.size === 0) return;
    const now = Date.now() * 1000;
    for (const [key, stamp] of this.#ahead) {
      if (stamp < now || this.#ahead.size > MOST_REMEMBERED) this.#ahead.delete(key);
    }
    const known = minutes.filter(({ symbol, minute }) => this.#ahead.has(hourKey(symbol, minute)));
    await this.#eachHour(known, (key, stamp) => {
      this.#ahead.set(key, Math.max(stamp, this.#ahead.get(key)!));
    });
  }

  /**
   * Minutes whose windows turn out to be below what is stored stay marked. `readAtUs`: the clock just before the trades were
   * read.
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
    const [hours = [], within = []] = [true, false].map((hour) =>
      [...windows, ...removed].filter(({ window }) => (window === "1h") === hour)
    );
    // Whoever has written a window has written its hour: no hour's stamp is below those of what is within.
    await sender.send(this.#mutations(hours, readAtUs), "Store windows");
    await sender.send(this.#mutations(within, readAtUs), "Store windows");
    const below = new Set<string>();
    await this.#eachHour(done, (key, stamp) => {
      if (stamp <= this.#stampOf(key, readAtUs)) return;
      this.#ahead.set(key, stamp);
      below.add(key);
    });
    // Only then: a minute is unmarked when its windows are durable.
    const marks = minutes.done(done.filter(({ symbol, minute }) => !below.has(hourKey(symbol, minute))));
    try {
      await sender.send(this.#unmark(marks), "Unmark minutes");
    } catch (error) {
      minutes.undone(marks);
      throw error;
    }
  }

  #stampOf(hourKey: string, readAtUs: number): number {
    return Math.max(readAtUs, (this.#ahead.get(hourKey) ?? 0) + 1);
  }

  /** Tells the time stamp of the stored hour, µs, of each hour that minutes are in; 0 where there is none. */
  async #eachHour(
    minutes: readonly DirtyMinute[],
    tell: (key: string, stampUs: number) => void,
  ): Promise<void> {
    const hours = [
      ...new Map(minutes.map(({ symbol, minute }) => [hourKey(symbol, minute), [symbol, hourOf(minute)]])),
    ];
    for (let at = 0; at < hours.length; at += AT_ONCE) {
      await Promise.all(
        hours.slice(at, at + AT_ONCE).map(async ([key, values]) => {
          const [row] = await this.#parts.session.rows(
            "Read an hour's time stamp",
            "SELECT WRITETIME(trade_count) AS stamp FROM windows WHERE symbol = ? AND window = '1h' AND open_time = ?",
            values,
          );
          tell(key, Number(row?.stamp ?? 0));
        }),
      );
    }
  }

  #mutations(windows: readonly StoredWindow[], readAtUs: number): Mutation[] {
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
        const stamp = this.#stampOf(hourKey(window.symbol, window.open_time), readAtUs);
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

function hourOf(time: EpochMs): EpochMs {
  return Math.floor(time / HOUR_MS) * HOUR_MS as EpochMs;
}

function hourKey(symbol: string, time: EpochMs): string {
  return `${symbol} ${hourOf(time)}`;
}

/** A partition key of several columns as the partitioner sees it: each with its length before and a zero behind. */
function compositeKey(parts: Uint8Array[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(part.length);
    return [length, part, Buffer.alloc(1)];
  }));
}
