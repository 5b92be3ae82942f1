import { setImmediate } from "node:timers";
import { topicOf } from "../change/envelope.ts";
import type { ChangeBatch, ChangeRecord, Position, TopicPartition } from "../change/record.ts";
import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import { TABLES } from "../market/table.ts";
import { wait } from "../wait.ts";
import { type Chore, Chores } from "./chores.ts";
import { type Account, ConsumerAccount } from "./account.ts";
import { ConsumerHealth, type ConsumerReport } from "./consumer_health.ts";
import type { ChangeDecoder } from "./decode_change.ts";
import { Flights } from "./flights.ts";
import type { AssignmentChange, ChangeLog } from "./log/change_log.ts";
import { nameOf, nameOfRecord } from "./partition_name.ts";
import { processBatch, type Processed } from "./process_batch.ts";
import type { Publisher } from "./publish.ts";
import { storeBatch, type StoredBatch } from "./store_batch.ts";
import type { MarketStore } from "./store/market_store.ts";
import type { Alert, Transform } from "./transform/transform.ts";

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
  /** Told of each change of the partitions that are read, before the first record that comes after it is handled. */
  reassigned?: (change: AssignmentChange) => Promise<void>;
  report: ConsumerReport;
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

/** What was read and became of it, on its way to the store. */
type Load = { batches: ChangeBatch[]; processed: Processed };

/**
 * The consumer's loop: read → transform → write → acknowledge, in that order only (I1). As many batches are being written
 * at once as a remote store takes (`concurrentWrites`), while the next is read and transformed; their positions move in
 * order.
 * While no more can be written nothing more is read, which is the back-pressure that the log feels.
 *
 * Failures, by class: what is unavailable is waited for without end, and nothing is set aside for it; a row that can
 * never be decoded, transformed or stored becomes a dead letter that is durable before the position passes it; when the
 * dead-letter store is full, that partition stops before the record, the others go on, and health is `blocked`. After
 * any failure of a write, it and those behind it are done again, one at a time.
 *
 * Partitions may be taken away and given (a rebalance): what waits of one that was revoked is dropped; what is being
 * written of it ends, and whoever reads it now repeats that, which changes nothing (I2).
 */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #positions = new Map<string, Position>();
  readonly #blocked = new Map<string, Blocked>();
  readonly #tasks: (() => Promise<void>)[] = [];
  readonly #account: ConsumerAccount;
  readonly #health: ConsumerHealth;
  readonly #chores: Chores;
  readonly #flights: Flights<Load, StoredBatch>;
  /** Names of the partitions that are ours; undefined where the log has one reader, who has all. */
  #assigned: Set<string> | undefined;
  /** How far each partition was durable in this run, revoked or not: what comes again is counted. */
  readonly #reached = new Map<string, number>();
  #changes: AssignmentChange[] = [];
  #wake = new AbortController();
  #nextBlockedTry = 0;

  /** Alerts that are not durable yet: a batch that is handled again does not raise them again. */
  #alerts: Alert[] = [];
  /** What was polled and is not accounted for yet: the log will not deliver it again in this run. */
  #pending: ChangeBatch[] = [];

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#account = new ConsumerAccount(options.report.metrics, options.now);
    this.#health = new ConsumerHealth({
      ...options,
      blocked: () =>
        [...this.#blocked].map(([at, { batch }]) => `${at} at offset ${batch.records[0]?.offset}`),
      lasting: () => this.#chores.problem,
    });
    this.#chores = new Chores(options.chores ?? [], { ...options, health: this.#health });
    this.#flights = new Flights({
      settle: (load, stored) => this.#settle(load, stored),
      onFailure: () => this.wake(),
    });
    options.signal.addEventListener("abort", () => this.wake());
  }

  /** I5: what became of everything read since the start. */
  get account(): Readonly<Account> {
    return this.#account.totals;
  }

  /** The positions whose records are durable, of partitions that this consumer reads. */
  get positions(): Position[] {
    return [...this.#positions.values()];
  }

  /** Whether a partition is read by this consumer. */
  reads(partition: TopicPartition): boolean {
    return this.#assigned?.has(nameOf(partition)) ?? true;
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
    const from = await this.#health.retry(() => store.positions());
    for (const position of from) this.#positions.set(nameOf(position), position);
    const onAssignment = (change: AssignmentChange) => this.#reassign(change);
    await this.#health.retry(() => log.subscribe(TABLES.map(topicOf), { from, onAssignment }));
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
        this.#health.troubled(error, "blocked");
        await wait(Math.min(2000, this.#options.retryMaxMs), signal);
      }
    }
    // What is under way may still become durable and be acknowledged: less to do again.
    await this.#flights.drain();
    for (const task of this.#tasks.splice(0)) await task();
  }

  /** One turn; answers whether more work waits, so that the next poll does not wait. */
  async #step(busy: boolean): Promise<boolean> {
    const { log, maxRecords, pollTimeoutMs } = this.#options;
    const failed = this.#flights.failed;
    if (failed) this.#pending = [...await this.#landed(), ...this.#pending];
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
    const timeoutMs = busy || this.#tasks.length > 0 ? 0 : pollTimeoutMs;
    if (this.#pending.length === 0) {
      const { signal } = this.#wake;
      const polled = await this.#health.retry(() => log.poll({ maxRecords, timeoutMs, signal }));
      for (const batch of polled) this.#countAgain(batch);
      this.#pending = polled.filter((batch) => !this.#holdBack(batch));
    }
    await this.#takeChanges();
    const lag = this.#pending.reduce((sum, { highWatermark, next }) => sum + highWatermark - next, 0);
    const waiting = this.#pending.length > 0;
    if (waiting && !await this.#handle(this.#pending, failed)) return true;
    this.#pending = [];
    if (this.#blocked.size > 0 || this.#tasks.length > 0) {
      if (!await this.#alone()) return true;
      await this.#retryBlocked();
      for (const task of this.#tasks.splice(0)) await task();
    }
    const more = await this.#chores.turn(lag < maxRecords, () => this.#alone());
    if (more === undefined) return true;
    if (this.#chores.problem === undefined) this.#health.recovered();
    return waiting || more;
  }

  /** Waits until no write is under way; false when one has failed. */
  async #alone(): Promise<boolean> {
    return this.#flights.count === 0 || await this.#flights.room(1);
  }

  /** Waits for all writes and answers with the batches of those that must be done again. */
  async #landed(): Promise<ChangeBatch[]> {
    const loads = await this.#flights.drain();
    return loads.flatMap(({ batches }) => batches).filter((batch) => this.reads(batch));
  }

  /**
   * Handles batches: when it answers true, every record is accounted for and durable, or its partition blocked, or its
   * write is under way. False: an earlier write failed, which must be done again first.
   */
  async #handle(batches: ChangeBatch[], alone: boolean): Promise<boolean> {
    const { decoder, transforms, store, publisher } = this.#options;
    const processed = await this.#health.retry(() => processBatch(batches, { decoder, transforms }));
    const { transactionalPositions, concurrentWrites = 1 } = store.capabilities;
    this.#alerts.push(...processed.alerts);
    if (this.#alerts.length > 0) {
      if (concurrentWrites === 1 && !await this.#alone()) return false;
      const raised = await this.#health.retry(() => store.raiseAlerts(this.#alerts));
      this.#alerts = [];
      publisher.alerts(raised);
    }
    // A store that is another process writes while the next batch is read and transformed; one in ours has no such time.
    if (!alone && !transactionalPositions) {
      if (!await this.#flights.room(concurrentWrites)) return false;
      this.#flights.launch({ batches, processed }, this.#write(batches, processed));
      return true;
    }
    try {
      await this.#store(batches, processed);
    } catch (error) {
      if (!(error instanceof CandlewireError) || error.code !== "store.dead_letters_full") throw error;
      await this.#block(batches, processed, error);
    }
    return true;
  }

  async #store(batches: ChangeBatch[], processed: Processed): Promise<void> {
    await this.#settle({ batches, processed }, await this.#write(batches, processed));
  }

  async #write(batches: ChangeBatch[], processed: Processed): Promise<StoredBatch> {
    const { store, now } = this.#options;
    return await this.#health.retry(() =>
      storeBatch(store, processed, {
        positions: store.capabilities.transactionalPositions ? positionsOf(batches) : [],
        at: now(),
      })
    );
  }

  /** I1: only now, with everything durable, may the positions move. */
  async #settle({ batches, processed }: Load, { result, letters }: StoredBatch): Promise<void> {
    const { log, publisher, acknowledged } = this.#options;
    const positions = positionsOf(batches);
    for (const position of positions) {
      const at = nameOf(position);
      this.#reached.set(at, Math.max(position.offset, this.#reached.get(at) ?? 0));
      if (this.reads(position)) this.#positions.set(at, position);
    }
    await this.#health.retry(() => log.acknowledge(positions));
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
      if (rest.length === 0 || !this.reads(batch)) continue;
      this.#options.log.pause([batch]);
      this.#blocked.set(nameOf(batch), { batch: { ...batch, records: rest } });
      this.#options.report.log(
        "error",
        `Partition ${nameOf(batch)} stops at offset ${rest[0]!.offset}: ${error.message}`,
        { code: error.code, hint: error.hint },
      );
    }
    this.#nextBlockedTry = this.#options.now() + 1000;
    if (this.#blocked.size > 0) this.#health.tell();
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
        await this.#store(
          [part],
          await this.#health.retry(() => processBatch([part], { decoder, transforms })),
        );
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
    const room = await this.#health.retry(() => store.deadLetterRoom());
    if (room.count >= room.maxCount || room.bytes >= room.maxBytes) return;
    for (const [at, { batch }] of [...this.#blocked]) {
      if (!this.#blocked.delete(at)) continue;
      try {
        await this.#handle([batch], true);
      } catch (error) {
        if (this.reads(batch)) this.#blocked.set(at, { batch });
        throw error;
      }
      if (!this.#blocked.has(at) && this.reads(batch)) {
        log.resume([batch]);
        this.#options.report.log("info", `Partition ${at} goes on`);
      }
    }
    if (this.#blocked.size === 0) this.#health.tell();
  }

  /** Lets the next turn look at blocked partitions at once: letters were retried or dropped. */
  roomMade(): void {
    this.#nextBlockedTry = 0;
    this.wake();
  }

  /** Says how the consumer is: for others who had said that they wait, and wait no longer (I7). */
  tellHealth(): void {
    this.#health.tell();
  }

  /** A rebalance. May be called at any time, also while a batch is in work. */
  #reassign(change: AssignmentChange): void {
    this.#assigned ??= new Set();
    for (const partition of change.revoked) {
      const at = nameOf(partition);
      this.#assigned.delete(at);
      this.#blocked.delete(at);
      this.#positions.delete(at);
      this.#account.forget(partition);
    }
    for (const partition of change.assigned) this.#assigned.add(nameOf(partition));
    this.#pending = this.#pending.filter((batch) => !isAmong(batch, change.revoked));
    this.#changes.push(change);
    this.wake();
  }

  async #takeChanges(): Promise<void> {
    const { reassigned, report } = this.#options;
    while (this.#changes.length > 0) {
      const change = this.#changes[0]!;
      if (reassigned !== undefined) await this.#health.retry(() => reassigned(change));
      this.#changes.shift();
      report.metrics.count("candlewire_consumer_rebalances_total");
      report.log("info", "Partitions changed", {
        assigned: change.assigned.map(nameOf),
        revoked: change.revoked.map(nameOf),
      });
    }
  }

  /** Work done twice is harmless, and counted. */
  #countAgain(batch: ChangeBatch): void {
    const reached = this.#reached.get(nameOf(batch)) ?? 0;
    if ((batch.records[0]?.offset ?? reached) >= reached) return;
    const again = batch.records.filter(({ offset }) => offset < reached).length;
    this.#options.report.metrics.count("candlewire_redelivered_records_total", again, { topic: batch.topic });
  }
}

function positionsOf(batches: ChangeBatch[]): Position[] {
  return batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
}

function isAmong({ topic, partition }: TopicPartition, partitions: TopicPartition[]): boolean {
  return partitions.some((other) => other.topic === topic && other.partition === partition);
}
