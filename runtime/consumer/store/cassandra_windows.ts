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
const HOUR_MS = 3_600_000;

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
   * from an older state of the trades never replaces what follows from a newer one, whoever wrote it (I2). Where newer
   * windows are stored already, by another writer or when the clock was ahead, nothing is written and the minutes stay
   * marked: the next time the trades are read after that time stamp.
   */
  async write(
    computed: readonly StoredWindow[],
    read: readonly DirtyMinute[],
    readAtUs: number,
  ): Promise<void> {
    const { session, sender, minutes } = this.#parts;
    const newer = await this.#newer(read, readAtUs);
    const windows = computed.filter(({ symbol, open_time }) => !newer.has(hourKey(symbol, open_time)));
    const done = read.filter(({ symbol, minute }) => !newer.has(hourKey(symbol, minute)));
    if (done.length === 0) return;
    const kept = new Set(windows.map(({ symbol, window, open_time }) => `${symbol} ${window} ${open_time}`));
    const gone: StoredWindow[] = [];
    for (const { symbol, minute } of done) {
      // Seconds that had trades once and have none now. One read costs less than a range tombstone a time.
      const seconds = await session.rows(
        `Read windows of ${symbol}`,
        "SELECT open_time FROM windows WHERE symbol = ? AND window = '1s' AND open_time >= ? AND open_time < ?",
        [symbol, minute, minute + 60_000],
      );
      const stored = [
        ...seconds.map((row) => ({ window: "1s", open_time: row.open_time.getTime() })),
        { window: "1m", open_time: minute },
      ];
      for (const { window, open_time } of stored) {
        if (kept.has(`${symbol} ${window} ${open_time}`)) continue;
        gone.push({ symbol, window, open_time, trade_count: 0 } as StoredWindow);
      }
    }
    await sender.send(this.#mutations([...windows, ...gone], readAtUs), "Store windows");
    // Only then: a minute is unmarked when its windows are durable.
    const marks = minutes.done(done);
    try {
      await sender.send(this.#unmark(marks), "Unmark minutes");
    } catch (error) {
      minutes.undone(marks);
      throw error;
    }
  }

  /**
   * The hours, of those that minutes are in, that someone has written after `readAtUs`. Whoever writes a minute writes its
   * hour, so the hour's time stamp is the newest of all of them.
   */
  async #newer(minutes: readonly DirtyMinute[], readAtUs: number): Promise<Set<string>> {
    const { session } = this.#parts;
    const hours = new Map(
      minutes.map(({ symbol, minute }) => [hourKey(symbol, minute), { symbol, hour: hourOf(minute) }]),
    );
    const newer = new Set<string>();
    for (const [key, { symbol, hour }] of hours) {
      const [row] = await session.rows(
        `Read the time stamp of an hour of ${symbol}`,
        "SELECT WRITETIME(trade_count) AS stamp FROM windows WHERE symbol = ? AND window = '1h' AND open_time = ?",
        [symbol, hour],
      );
      const stamp = Number(row?.stamp ?? 0);
      if (stamp <= readAtUs) continue;
      session.clock.saw(stamp);
      newer.add(key);
    }
    return newer;
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
