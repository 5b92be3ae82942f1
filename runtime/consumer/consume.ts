import { setImmediate } from "node:timers";
import { topicOf } from "../change/envelope.ts";
import type { ChangeBatch, ChangeRecord, Position } from "../change/record.ts";
import { CandlewireError, errorText } from "../error.ts";
import type { LogLevel, Metrics, ModuleHealth } from "../host/module_context.ts";
import type { EpochMs } from "../market/epoch.ts";
import { TABLES } from "../market/table.ts";
import { type Account, ConsumerAccount } from "./account.ts";
import type { ChangeDecoder } from "./decode_change.ts";
import type { ChangeLog } from "./log/change_log.ts";
import { nameOf, nameOfRecord } from "./partition_name.ts";
import { processBatch, type Processed } from "./process_batch.ts";
import type { Publisher } from "./publish.ts";
import { wait } from "../wait.ts";
import { retry } from "./retry.ts";
import { storeBatch } from "./store_batch.ts";
import type { MarketStore } from "./store/market_store.ts";
import type { Transform } from "./transform/transform.ts";

/**
 * Work that is done between batches, in small steps; answers true when more of it waits. `caughtUp` is false while the
 * log has more to read than one batch: then only what must not wait should be done.
 */
export type Chore = { name: string; step: (now: EpochMs, caughtUp: boolean) => Promise<boolean> };

/** What the loop works with. */
export type ConsumerOptions = {
  log: ChangeLog;
  store: MarketStore;
  decoder: ChangeDecoder;
  transforms: readonly Transform[];
  publisher: Publisher;
  chores?: readonly Chore[];
  /** Told of positions whose records are durable, after each write. */
  acknowledged?: (positions: Position[]) => void;
  report: {
    log: (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
    health: (health: ModuleHealth, detail?: string) => void;
    metrics: Metrics;
  };
  signal: AbortSignal;
  now: () => EpochMs;
  maxRecords: number;
  pollTimeoutMs: number;
  /** First and longest wait between attempts, ms. */
  retryMinMs: number;
  retryMaxMs: number;
};

/** A partition that waits for room in the dead-letter store, with what was read of it. */
type Blocked = { batch: ChangeBatch };

/**
 * The consumer's loop: read → transform → write → acknowledge, in that order only (I1). One batch is in work at a time;
 * while it waits for the store or a transform nothing more is read, which is the back-pressure that the log feels.
 *
 * Failures, by class: what is unavailable is waited for without end, and nothing is set aside for it; a row that can
 * never be decoded, transformed or stored becomes a dead letter that is durable before the position passes it; when the
 * dead-letter store is full, that partition stops before the record, the others go on, and health is `blocked`.
 */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #positions = new Map<string, Position>();
  readonly #blocked = new Map<string, Blocked>();
  readonly #tasks: (() => Promise<void>)[] = [];
  readonly #account: ConsumerAccount;
  #wake = new AbortController();
  #trouble: string | undefined;
  #nextBlockedTry = 0;

  /** What was polled and is not accounted for yet: the log will not deliver it again in this run. */
  #pending: ChangeBatch[] = [];

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#account = new ConsumerAccount(options.report.metrics, options.now);
    options.signal.addEventListener("abort", () => this.wake());
  }

  /** I5: what became of everything read since the start. */
  get account(): Readonly<Account> {
    return this.#account.totals;
  }

  /** The positions whose records are durable. */
  get positions(): Position[] {
    return [...this.#positions.values()];
  }

  /** Ends a wait for new records: something was appended, or a task waits. */
  wake(): void {
    this.#wake.abort();
  }

  /** Does work of others between two batches, so that the store has one caller. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#options.signal.aborted) {
      return Promise.reject(
        new CandlewireError("consumer.stopping", "Ask the consumer: it is stopping", { retry: "retry" }),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#tasks.push(() => work().then(resolve, reject));
    this.wake();
    return promise;
  }

  /** Runs until the signal aborts. Rejects only with what no waiting mends: a newer consumer has taken over, a defect. */
  async run(): Promise<void> {
    const { log, store, report, signal } = this.#options;
    const from = await this.#retry(() => store.positions());
    for (const position of from) this.#positions.set(nameOf(position), position);
    await this.#retry(() => log.subscribe(TABLES.map(topicOf), { from }));
    report.health("running", "reading");
    let busy = false;
    while (!signal.aborted) {
      try {
        busy = await this.#step(busy);
        // With the SQLite adapters a step may never leave the microtask queue: heartbeats, calls and a stop get a turn.
        if (busy) await new Promise<void>((resolve) => setImmediate(resolve));
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof CandlewireError) || error.retry === "never" || error.code === "store.fenced") {
          throw error;
        }
        // An operator must act; until then nothing moves, and the state says so.
        this.#troubled(error, "blocked");
        await wait(Math.min(2000, this.#options.retryMaxMs), signal);
      }
    }
    for (const task of this.#tasks.splice(0)) await task();
  }

  /** One turn; answers whether chores are waiting, so that the next poll does not wait. */
  async #step(busy: boolean): Promise<boolean> {
    const { log, maxRecords, pollTimeoutMs, publisher, now } = this.#options;
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
    const timeoutMs = busy || this.#tasks.length > 0 ? 0 : pollTimeoutMs;
    if (this.#pending.length === 0) {
      const { signal } = this.#wake;
      const polled = await this.#retry(() => log.poll({ maxRecords, timeoutMs, signal }));
      this.#pending = polled.filter((batch) => !this.#holdBack(batch));
    }
    const records = this.#pending.reduce((sum, batch) => sum + batch.records.length, 0);
    let waiting = this.#pending.length > 0;
    if (waiting) await this.#handle(this.#pending);
    this.#pending = [];
    await this.#retryBlocked();
    for (const task of this.#tasks.splice(0)) await task();
    const caughtUp = records < maxRecords / 2;
    for (const chore of this.#options.chores ?? []) {
      waiting = await this.#retry(() => chore.step(now(), caughtUp)) || waiting;
    }
    publisher.flush(now());
    this.#recovered();
    return waiting;
  }

  /** Handles batches to the end: when it resolves, every record is accounted for and durable, or its partition blocked. */
  async #handle(batches: ChangeBatch[]): Promise<void> {
    const { decoder, transforms, store, publisher, now } = this.#options;
    const processed = await this.#retry(() => processBatch(batches, { decoder, transforms }));
    if (processed.alerts.length > 0) {
      const raised = await this.#retry(() => store.raiseAlerts(processed.alerts));
      publisher.alerts(raised);
    }
    try {
      await this.#store(batches, processed);
    } catch (error) {
      if (!(error instanceof CandlewireError) || error.code !== "store.dead_letters_full") throw error;
      await this.#block(batches, processed, error);
    }
    publisher.flush(now());
  }

  async #store(batches: ChangeBatch[], processed: Processed): Promise<void> {
    const { store, log, publisher, now, acknowledged } = this.#options;
    const positions = batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    const { result, letters } = await this.#retry(() =>
      storeBatch(store, processed, {
        positions: store.capabilities.transactionalPositions ? positions : [],
        at: now(),
      })
    );
    // I1: only now, with everything durable, may the positions move.
    for (const position of positions) this.#positions.set(nameOf(position), position);
    await this.#retry(() => log.acknowledge(positions));
    acknowledged?.(positions);
    const refused = new Set(letters.map(nameOfRecord));
    const stored = refused.size === 0
      ? processed.changes
      : processed.changes.filter((change) => !refused.has(nameOfRecord(change)));
    publisher.stored(stored);
    this.#account.add(batches, processed, { letters, stored, result });
  }

  /** I5: no room for a letter, so its partition stops before the record; everything before it is stored. */
  async #block(batches: ChangeBatch[], processed: Processed, error: CandlewireError): Promise<void> {
    const letters = new Set(processed.letters.map(nameOfRecord));
    for (const batch of batches) {
      if (this.#holdBack(batch)) continue;
      const rest = await this.#storeWhatFits(batch, letters);
      if (rest.length === 0) continue;
      this.#options.log.pause([batch]);
      this.#blocked.set(nameOf(batch), { batch: { ...batch, records: rest } });
      this.#options.report.log(
        "error",
        `Partition ${nameOf(batch)} stops at offset ${rest[0]!.offset}: ${error.message}`,
        { code: error.code, hint: error.hint },
      );
    }
    this.#nextBlockedTry = this.#options.now() + 1000;
    this.#healthOfBlocked();
  }

  /** Stores the runs of good records and the dead letters one after the other; answers what has no room. */
  async #storeWhatFits(batch: ChangeBatch, letters: Set<string>): Promise<ChangeRecord[]> {
    const { decoder, transforms } = this.#options;
    let rest = batch.records;
    do {
      const isLetter = ({ offset }: ChangeRecord) => letters.has(nameOfRecord({ ...batch, offset }));
      const first = rest.findIndex(isLetter);
      const count = first === 0 ? 1 : first < 0 ? rest.length : first;
      const part = { ...batch, records: rest.slice(0, count), next: rest[count]?.offset ?? batch.next };
      try {
        await this.#store([part], await this.#retry(() => processBatch([part], { decoder, transforms })));
      } catch (error) {
        if (!(error instanceof CandlewireError) || error.code !== "store.dead_letters_full") throw error;
        return rest;
      }
      rest = rest.slice(count);
    } while (rest.length > 0);
    return rest;
  }

  /** A partition that is blocked takes no more: what the log had under way is kept behind what waits. */
  #holdBack(batch: ChangeBatch): boolean {
    const blocked = this.#blocked.get(nameOf(batch));
    if (blocked === undefined) return false;
    blocked.batch.records.push(...batch.records);
    blocked.batch.next = batch.next;
    return true;
  }

  /** Goes on with partitions that were blocked, once there is room. */
  async #retryBlocked(): Promise<void> {
    const { store, log, now } = this.#options;
    if (this.#blocked.size === 0 || now() < this.#nextBlockedTry) return;
    this.#nextBlockedTry = now() + 1000;
    const room = await this.#retry(() => store.deadLetterRoom());
    if (room.count >= room.maxCount || room.bytes >= room.maxBytes) return;
    for (const [at, { batch }] of [...this.#blocked]) {
      this.#blocked.delete(at);
      try {
        await this.#handle([batch]);
      } catch (error) {
        this.#blocked.set(at, { batch });
        throw error;
      }
      if (!this.#blocked.has(at)) {
        log.resume([batch]);
        this.#options.report.log("info", `Partition ${at} goes on`);
      }
    }
    if (this.#blocked.size === 0) this.#options.report.health("running", "reading");
  }

  /** Lets the next turn look at blocked partitions at once: letters were retried or dropped. */
  roomMade(): void {
    this.#nextBlockedTry = 0;
    this.wake();
  }

  /** Says how the consumer is: for others who had said that they wait, and wait no longer (I7). */
  tellHealth(): void {
    this.#options.report.health("running", "reading");
    this.#healthOfBlocked();
  }

  #healthOfBlocked(): void {
    if (this.#blocked.size === 0) return;
    const names = [...this.#blocked].map(([at, { batch }]) => `${at} at offset ${batch.records[0]?.offset}`);
    this.#options.report.health(
      "blocked",
      `The dead-letter store is full; stopped: ${names.slice(0, 8).join(", ")}`,
    );
  }

  async #retry<T>(work: () => Promise<T>): Promise<T> {
    const { signal, retryMinMs, retryMaxMs } = this.#options;
    return await retry(work, {
      signal,
      minMs: retryMinMs,
      maxMs: retryMaxMs,
      onWait: (error) => this.#troubled(error, "degraded"),
    });
  }

  #troubled(error: CandlewireError, health: ModuleHealth): void {
    const { report } = this.#options;
    report.metrics.count("candlewire_consumer_retries_total", 1, { code: error.code });
    report.health(health, `${error.message}${error.hint === undefined ? "" : `. ${error.hint}`}`);
    if (this.#trouble !== error.code) {
      report.log("warn", errorText(error), { hint: error.hint, ...error.details });
    }
    this.#trouble = error.code;
  }

  #recovered(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.tellHealth();
  }
}
