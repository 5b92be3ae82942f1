import { setImmediate } from "node:timers";
import { formatLsn, type Lsn, parseLsn } from "../change/lsn.ts";
import { wait } from "../wait.ts";
import { CandlewireError } from "../error.ts";
import type { EnvelopeWriter, RowChange } from "./envelope_writer.ts";
import { decodeFrame, decodePgoutput, type PgoutputMessage, type Relation } from "./pgoutput.ts";
import type { CapturePosition, ChangeSink, SinkHalves, SinkRecord } from "./sink/change_sink.ts";

/** What the pump needs of the stream it reads. */
export type PumpStream = {
  acknowledge(lsn: Lsn): void;
  pause(): void;
  resume(): void;
};

/** Options of {@linkcode ChangePump}. */
export type PumpOptions = {
  stream: PumpStream;
  sink: ChangeSink;
  writer: EnvelopeWriter;
  position: CapturePosition;
  /** Fetches what a relation message leaves out, and gives it to the writer. */
  learn: (relation: Relation) => Promise<void>;
  /** Characters that wait for the sink before the stream is paused (I10). */
  maxPendingChars: number;
  /** Hears of each durable append: commits are their times in ms since 1970. */
  onAppend: (counts: Map<string, number>, commits: readonly number[], position: CapturePosition) => void;
  /** Hears that the sink refuses for now, and that it accepts again (null). */
  onBlocked: (error: CandlewireError | null) => void;
  /** Server's end of WAL minus what is acknowledged, in bytes. */
  onLag: (bytes: number) => void;
  signal: AbortSignal;
  retryDelayMs?: number;
};

/** An append waits at most this long for more to come while the stream keeps sending. */
const LINGER_MS = 10;
/** A position that is stored apart from its records costs a request: not more often. After a crash so much comes twice. */
const STORE_INTERVAL_MS = 20;
/** Acknowledging an idle position costs a durable write: not more often. */
const IDLE_ACKNOWLEDGE_MS = 10_000;
const REQUESTED_ACKNOWLEDGE_MS = 1000;

/**
 * Carries changes from the stream into the sink: everything received so far is appended in one durable step together
 * with the position, and only then acknowledged (I1). Frames come by {@linkcode ChangePump.frame}; the pump fails
 * through {@linkcode ChangePump.failed}.
 *
 * A large transaction is appended in parts: the position then counts the changes that are in the sink already, and after
 * a restart, when PostgreSQL sends the transaction again, that many are skipped.
 */
export class ChangePump {
  readonly #options: PumpOptions;
  readonly #failure = Promise.withResolvers<never>();
  #position: CapturePosition;
  #records: SinkRecord[] = [];
  #chars = 0;
  #counts = new Map<string, number>();
  #commits: number[] = [];

  /** The transaction being received. `skip`: its first changes are in the sink already. */
  #transaction: { commitLsn: Lsn; commitMs: number; changes: number; skip: number } | undefined;
  /** The resume point: transactions before `lsn` are in the sink, and the first `changes` of the one there (-1: all). */
  readonly #resume: { lsn: Lsn; changes: number };
  /** Stands for the last commit until one came: where the snapshot or the capture before us ended. */
  readonly #begunAt: Lsn | null;
  #lastCommit: { lsn: Lsn; end: Lsn } | undefined;
  #acknowledged: Lsn;
  #idleEnd: Lsn = 0n;
  #acknowledgedAt = -Infinity;

  #dirty = false;
  #moved = false;
  #scheduled = false;
  #flushing: Promise<void> | undefined;
  #paused = false;
  /**
   * True once something that was received is lost to this pump: a frame it could not read, an append that failed. The
   * position must not pass it (I1), so nothing is taken in or appended any more; the slot sends it again.
   */
  #dead = false;
  /** Frames that came while a relation is being learnt; copies. */
  #waiting: Uint8Array[] | undefined;
  #since = 0;
  /** Sinks with halves: the newest position whose records are durable and that is not stored. */
  #unstored: { position: CapturePosition; acknowledged: Lsn } | undefined;
  #storing: Promise<void> | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#position = options.position;
    this.#resume = { lsn: parseLsn(options.position.commitLsn)!, changes: options.position.changes };
    this.#acknowledged = parseLsn(options.position.acknowledgedLsn)!;
    this.#begunAt = this.#acknowledged === 0n ? null : this.#acknowledged;
    this.#failure.promise.catch(() => {});
  }

  /** Rejects when the pump cannot go on; never resolves. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  /** One frame of the stream, in its order. The bytes are not kept. */
  frame(bytes: Uint8Array): void {
    if (this.#dead) return;
    if (this.#waiting !== undefined) {
      this.#waiting.push(bytes.slice());
      return;
    }
    try {
      this.#frame(bytes);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Makes durable what was received, and acknowledges it. After a failure it only waits for what is under way. */
  async drain(): Promise<void> {
    for (;;) {
      if (this.#flushing !== undefined || (this.#moved && !this.#dead)) {
        await (this.#flushing ?? this.#flush());
      } else if (this.#storing !== undefined) await this.#storing;
      else return;
    }
  }

  #frame(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.kind === "malformed") throw malformed(frame.reason, bytes);
    if (frame.kind === "keepalive") {
      this.#keepalive(frame.end, frame.reply);
      return;
    }
    const message = decodePgoutput(frame.body);
    if (message.kind === "malformed") throw malformed(message.reason, frame.body);
    this.#message(message, frame.start, frame.end);
  }

  #message(message: PgoutputMessage, start: Lsn, end: Lsn): void {
    switch (message.kind) {
      case "insert":
      case "update":
      case "delete":
      case "truncate":
        this.#change(message, start);
        return;
      case "begin":
        this.#begin(message.commitLsn, message.commitTime, message.xid);
        return;
      case "commit": {
        const transaction = this.#transaction;
        this.#transaction = undefined;
        this.#lastCommit = { lsn: message.commitLsn, end: message.endLsn };
        if (transaction !== undefined && transaction.skip !== Infinity) {
          if (this.#commits.length < 1000) this.#commits.push(transaction.commitMs);
        }
        this.#options.onLag(Number(end - this.#acknowledged));
        this.#move();
        return;
      }
      case "relation":
        this.#learn(message);
        return;
      default:
        // Types are looked up in the catalog; origins, messages and streamed transactions were not asked for.
        return;
    }
  }

  #begin(commitLsn: Lsn, commitTime: number, xid: number): void {
    const { lsn, changes } = this.#resume;
    const skip = commitLsn < lsn || (commitLsn === lsn && changes < 0)
      ? Infinity
      : commitLsn === lsn
      ? changes
      : 0;
    this.#transaction = { commitLsn, commitMs: commitTime / 1000, changes: 0, skip };
    this.#options.writer.begin({ commitTime, xid, lastCommitLsn: this.#lastCommit?.end ?? this.#begunAt });
  }

  #change(message: RowChange, lsn: Lsn): void {
    const transaction = this.#transaction;
    if (transaction === undefined) throw malformed(`A ${message.kind} outside of a transaction`, undefined);
    transaction.changes++;
    if (transaction.changes <= transaction.skip) return;
    const records = this.#records;
    const from = records.length;
    const written = this.#options.writer.change(message, lsn, Date.now() * 1000, records);
    if (written === undefined) throw malformed(`A ${message.kind} of an unknown relation`, undefined);
    for (let i = from; i < records.length; i++) this.#chars += records[i]!.value!.length;
    const table = this.#options.writer.nameOf(
      message.kind === "truncate" ? message.relations[0] ?? 0 : message.relation,
    );
    this.#counts.set(table, (this.#counts.get(table) ?? 0) + 1);
    this.#move();
    if (this.#chars >= this.#options.maxPendingChars && !this.#paused) {
      this.#paused = true;
      this.#options.stream.pause();
    }
  }

  #keepalive(end: Lsn, reply: boolean): void {
    this.#options.onLag(Number(end - this.#acknowledged));
    if (end > this.#idleEnd) this.#idleEnd = end;
    const since = performance.now() - this.#acknowledgedAt;
    const idle = this.#transaction === undefined && !this.#moved && this.#flushing === undefined;
    const due = since >= IDLE_ACKNOWLEDGE_MS || (reply && since >= REQUESTED_ACKNOWLEDGE_MS);
    // All that lies below the keepalive's end and concerns us was sent before it and is in the sink.
    if (idle && due && end > this.#acknowledged) this.#move();
    else if (reply) this.#options.stream.acknowledge(this.#acknowledged);
  }

  /** The stream rests while the catalog is asked: rows of the relation cannot be encoded before. */
  #learn(relation: Relation): void {
    this.#waiting = [];
    if (!this.#paused) this.#options.stream.pause();
    this.#options.learn(relation).then(() => {
      // Frames in the driver's buffer still came: they are taken up in their order, as far as the next relation.
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      for (let i = 0; i < waiting.length; i++) {
        this.#frame(waiting[i]!);
        if (this.#waiting !== undefined) {
          (this.#waiting as Uint8Array[]).push(...waiting.slice(i + 1));
          return;
        }
      }
      if (!this.#paused) this.#options.stream.resume();
    }).catch((error) => this.#fail(error));
  }

  /** Something was received that the sink does not have. */
  #move(): void {
    if (!this.#moved) this.#since = performance.now();
    this.#moved = true;
    this.#dirty = true;
    this.#schedule();
  }

  /** Appends when the stream pauses for a turn of the event loop, or after a while: small groups when quiet, large ones under load. */
  #schedule(): void {
    if (this.#scheduled || this.#dead || this.#flushing !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#dead) return;
      const waited = performance.now() - this.#since;
      if (this.#dirty && waited < LINGER_MS && this.#chars < this.#options.maxPendingChars) {
        this.#dirty = false;
        this.#schedule();
        return;
      }
      // Whoever drains is told as well.
      this.#flush().catch(() => {});
    });
  }

  #flush(): Promise<void> {
    if (this.#flushing !== undefined) return this.#flushing;
    this.#flushing = this.#append().catch((error) => {
      this.#fail(error);
      throw error;
    }).finally(() => {
      this.#flushing = undefined;
      if (this.#moved) this.#schedule();
    });
    return this.#flushing;
  }

  async #append(): Promise<void> {
    const records = this.#records;
    const counts = this.#counts;
    const commits = this.#commits;
    const position = this.#reached();
    const acknowledged = parseLsn(position.acknowledgedLsn)!;
    this.#records = [];
    this.#chars = 0;
    this.#counts = new Map();
    this.#commits = [];
    this.#moved = false;
    const { sink } = this.#options;
    if (sink.halves === undefined) await this.#accepted(() => sink.append(records, position));
    else if (records.length > 0) await this.#accepted(() => sink.halves!.write(records));
    this.#position = position;
    if (sink.halves === undefined) this.#acknowledge(acknowledged);
    else {
      this.#unstored = { position, acknowledged };
      this.#keepStoring(sink.halves);
    }
    this.#options.onAppend(counts, commits, position);
    this.#takeMore();
  }

  #keepStoring(halves: SinkHalves): void {
    if (this.#storing !== undefined || this.#unstored === undefined || this.#dead) return;
    this.#storing = this.#store(halves).catch((error) => this.#fail(error)).finally(() => {
      this.#storing = undefined;
      // One may have come since the last look and taken the storing for still at work.
      this.#keepStoring(halves);
    });
  }

  /** Stores positions behind the records that they belong to, while more records are written. */
  async #store(halves: SinkHalves): Promise<void> {
    for (let next = this.#unstored; next !== undefined && !this.#dead; next = this.#unstored) {
      const since = performance.now() - this.#acknowledgedAt;
      if (since < STORE_INTERVAL_MS) {
        await wait(STORE_INTERVAL_MS - since, this.#options.signal);
        next = this.#unstored!;
      }
      this.#unstored = undefined;
      const { position, acknowledged } = next;
      await this.#accepted(() => halves.store(position));
      this.#acknowledge(acknowledged);
      this.#takeMore();
    }
  }

  /** Calls the sink until it accepts; rejects with what is not to be tried again. */
  async #accepted(call: () => Promise<void>): Promise<void> {
    for (let attempt = 0;; attempt++) {
      try {
        await call();
        if (attempt > 0) this.#options.onBlocked(null);
        return;
      } catch (error) {
        if (!(error instanceof CandlewireError) || error.retry !== "retry") throw error;
        // I10: nothing is dropped and nothing more is taken in; the slot holds the WAL.
        if (!this.#paused) {
          this.#paused = true;
          this.#options.stream.pause();
        }
        this.#options.onBlocked(error);
        await wait(Math.min(5000, (this.#options.retryDelayMs ?? 100) * 2 ** attempt), this.#options.signal);
        if (this.#options.signal.aborted) throw error;
      }
    }
  }

  #acknowledge(lsn: Lsn): void {
    this.#acknowledged = lsn;
    this.#acknowledgedAt = performance.now();
    // I1: only now, and only this.
    this.#options.stream.acknowledge(lsn);
  }

  #takeMore(): void {
    if (!this.#paused || this.#chars >= this.#options.maxPendingChars) return;
    this.#paused = false;
    if (this.#waiting === undefined) this.#options.stream.resume();
  }

  /** The position of all that was received. */
  #reached(): CapturePosition {
    const last = this.#lastCommit;
    const transaction = this.#transaction;
    let acknowledged = this.#acknowledged;
    if (last !== undefined && last.end > acknowledged) acknowledged = last.end;
    if (transaction === undefined && this.#idleEnd > acknowledged) acknowledged = this.#idleEnd;
    const base = { ...this.#position, acknowledgedLsn: formatLsn(acknowledged) };
    if (transaction !== undefined && transaction.changes > transaction.skip) {
      return { ...base, commitLsn: formatLsn(transaction.commitLsn), changes: transaction.changes };
    }
    // A transaction before the resume point was skipped: the position stays.
    if (last !== undefined && (last.lsn > this.#resume.lsn || this.#resumeIsDone(last.lsn))) {
      return { ...base, commitLsn: formatLsn(last.lsn), changes: -1 };
    }
    return base;
  }

  #resumeIsDone(lsn: Lsn): boolean {
    return lsn === this.#resume.lsn;
  }

  #fail(error: unknown): void {
    this.#dead = true;
    this.#failure.reject(error);
  }
}

function malformed(reason: string, bytes: Uint8Array | undefined): CandlewireError {
  const head = bytes === undefined
    ? undefined
    : [...bytes.subarray(0, 32)].map((b) => b.toString(16).padStart(2, "0")).join("");
  return new CandlewireError("capture.malformed", `Decode the replication stream: ${reason}`, {
    retry: "retry",
    hint:
      "Nothing is lost: the slot sends it again; if it comes back, report it with the bytes in the details",
    details: { head },
  });
}
