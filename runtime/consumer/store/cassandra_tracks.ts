import type { EpochMs } from "../../market/epoch.ts";
import type { Change } from "../transform/transform.ts";
import type { CassandraFrame } from "./cassandra_frame.ts";
import type { CassandraMinutes, MarkToWrite } from "./cassandra_minutes.ts";
import { ttlOf } from "./cassandra_rows.ts";
import type { Statements } from "./cassandra_statements.ts";
import { type TradeMinute, type TradeRun, TradeTracks, WINDOW_GRACE_MS } from "./trade_runs.ts";

/** How many ids a lineage row covers at most; a reader looks back that far. */
const LINEAGE_IDS = 1000;
/** Symbols whose open run and newest minute are remembered; Binance lists some 3,000. */
const REMEMBERED = 10_000;
/** first_id is written at this minus the id, so that the smallest wins. Below 2^63 µs for ever. */
const FIRST_ID_BASE = 2 ** 53;

/** What a batch's tracks come to, until it is known whether they are durable. */
export type PendingTracks = { runs: TradeRun[]; minutes: TradeMinute[]; marks: MarkToWrite[] };

/** Writes what trades leave beside their rows: trade_index, lineage and the marks of dirty minutes. */
export class CassandraTracks {
  readonly #frame: CassandraFrame;
  readonly #of: Statements;
  readonly #minutes: CassandraMinutes;
  readonly #keepMs: number | null;
  readonly #writer: Uint8Array;
  /** The newest run of each symbol, to be extended instead of adding one a batch. */
  readonly #open = new Map<string, TradeRun>();
  /** What trade_index has of each symbol's newest minute, so that it is not written again. */
  readonly #newest = new Map<string, TradeMinute>();
  #pending: PendingTracks = { runs: [], minutes: [], marks: [] };

  constructor(
    frame: CassandraFrame,
    statements: Statements,
    options: { minutes: CassandraMinutes; keepMs: number | null; writer: string },
  ) {
    this.#frame = frame;
    this.#of = statements;
    this.#minutes = options.minutes;
    this.#keepMs = options.keepMs;
    this.#writer = new TextEncoder().encode(options.writer);
  }

  /** Encodes the tracks of one symbol's trades, which come in id order. */
  trades(symbol: Uint8Array, trades: readonly Change<"recent_trades">[], now: number): void {
    const tracks = new TradeTracks();
    for (const trade of trades) tracks.add(trade);
    for (const minute of tracks.minutes) {
      this.#index(symbol, minute, now);
      this.mark(symbol, minute.symbol, minute.minute, now);
    }
    for (const run of tracks.runs) this.#run(symbol, run, now);
  }

  /** Marks a minute as dirty. */
  mark(symbol: Uint8Array, name: string, minute: EpochMs, now: number): void {
    const mark = this.#minutes.touch(name, minute);
    if (mark === undefined) return;
    const frame = this.#frame;
    frame.begin(this.#of.mark);
    frame.bytes(symbol);
    frame.long(minute, "minute");
    frame.long(mark.stamp, "mark");
    frame.bytes(this.#writer);
    frame.long(mark.stamp, "mark");
    frame.int(
      ttlOf(this.#keepMs === null ? null : this.#keepMs + WINDOW_GRACE_MS, minute, now),
      "time to live",
    );
    this.#pending.marks.push(mark);
  }

  /** What was encoded since the last call: to be handed to `stored` once it is durable; else it is written again. */
  take(): PendingTracks {
    const pending = this.#pending;
    this.#pending = { runs: [], minutes: [], marks: [] };
    return pending;
  }

  /** All of it is durable. */
  stored({ runs, minutes, marks }: PendingTracks): void {
    this.#minutes.written(marks);
    if (this.#open.size > REMEMBERED) this.#open.clear();
    if (this.#newest.size > REMEMBERED) this.#newest.clear();
    for (const run of runs) this.#open.set(run.symbol, run);
    for (const minute of minutes) this.#newest.set(minute.symbol, minute);
  }

  #index(symbol: Uint8Array, { symbol: name, minute, firstId, lastId }: TradeMinute, now: number): void {
    const frame = this.#frame;
    const newest = this.#newest.get(name);
    const known = newest?.minute === minute ? newest : undefined;
    const ttl = ttlOf(this.#keepMs, minute + 60_000, now);
    if (known === undefined || firstId < known.firstId) {
      frame.begin(this.#of.indexFirst);
      frame.long(FIRST_ID_BASE - firstId, "trade_id");
      frame.int(ttl, "time to live");
      frame.long(firstId, "trade_id");
      frame.bytes(symbol);
      frame.long(minute, "minute");
    }
    if (known === undefined || lastId > known.lastId) {
      frame.begin(this.#of.indexLast);
      frame.long(lastId, "trade_id");
      frame.int(ttl, "time to live");
      frame.long(lastId, "trade_id");
      frame.bytes(symbol);
      frame.long(minute, "minute");
    }
    if (known === undefined && newest !== undefined && newest.minute > minute) return;
    this.#pending.minutes.push({
      symbol: name,
      minute,
      firstId: Math.min(firstId, known?.firstId ?? firstId),
      lastId: Math.max(lastId, known?.lastId ?? lastId),
    });
  }

  #run(symbol: Uint8Array, run: TradeRun, now: number): void {
    let at: TradeRun = run;
    const open = this.#open.get(run.symbol);
    if (
      open !== undefined && run.firstId === open.lastId + 1 && run.lastId - open.firstId < LINEAGE_IDS &&
      run.topic === open.topic && run.partition === open.partition && run.firstOffset > open.lastOffset
    ) at = { ...run, firstId: open.firstId, firstOffset: open.firstOffset };
    // A run of one batch may be longer than a reader looks back.
    for (let first = at.firstId; first <= at.lastId; first += LINEAGE_IDS) {
      const last = Math.min(at.lastId, first + LINEAGE_IDS - 1);
      this.#writeRun(symbol, { ...at, firstId: first, lastId: last }, now);
    }
  }

  #writeRun(symbol: Uint8Array, run: TradeRun, now: number): void {
    const frame = this.#frame;
    frame.begin(this.#of.lineage);
    frame.bytes(symbol);
    frame.long(run.firstId, "trade_id");
    frame.text(run.topic, "topic");
    frame.int(run.partition, "partition");
    frame.long(run.lastId, "trade_id");
    frame.long(run.firstOffset, "offset");
    frame.long(run.lastOffset, "offset");
    frame.long(now, "stored_at");
    frame.long(run.lastId, "trade_id");
    // From now on: an estimate of the trades' own time that is never too short.
    frame.int(ttlOf(this.#keepMs, now, now), "time to live");
    this.#pending.runs.push(run);
  }
}
