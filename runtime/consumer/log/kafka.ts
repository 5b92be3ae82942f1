import type { ChangeBatch, Position, TopicPartition } from "../../change/record.ts";
import { CandlewireError } from "../../error.ts";
import { createKafka } from "../../kafka/client_kafka.ts";
import { KafkaCluster, type Watermark } from "../../kafka/cluster_kafka.ts";
import { kafkaError } from "../../kafka/error_kafka.ts";
import type { KafkaLogin, KafkaSecrets } from "../../kafka/login.ts";
import { wait } from "../../wait.ts";
import { nameOf } from "../partition_name.ts";
import type { AssignmentChange, ChangeLog } from "./change_log.ts";
import { KafkaCommits } from "./kafka_commits.ts";
import { type Fetched, KafkaGroup, type KafkaGroupOptions, type KafkaMember } from "./kafka_group.ts";
import { KafkaPartition } from "./kafka_partition.ts";
import { KafkaReader } from "./kafka_reader.ts";
import { outOfRange } from "./out_of_range.ts";
import { Wakeup } from "./wakeup.ts";

/** Options of {@linkcode KafkaLog}. */
export type KafkaLogOptions = Partial<Omit<KafkaGroupOptions, "groupId" | "log">> & {
  /** The consumer group: its members share the partitions, and it remembers the positions. */
  group: string;
  secrets?: KafkaSecrets;
  /** Shown in the brokers' logs. Default: the group. */
  clientId?: string;
  /** Topics whose watermarks are told before `subscribe` names them. */
  topics?: string[];
  /** Bytes fetched and not yet delivered beyond which no more are fetched; one answer may come on top. */
  bufferBytes?: number;
  log?: (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Record<string, unknown>,
  ) => void;
  /** Counts what the group goes through; names as on `/metrics`. */
  count?: (name: string, by: number) => void;
};

const DEFAULTS = {
  sessionTimeoutMs: 10_000,
  heartbeatMs: 1000,
  maxWaitMs: 250,
  maxBytes: 4 << 20,
  maxBytesPerPartition: 1 << 20,
  recheckMs: 1000,
  bufferBytes: 8 << 20,
};

/** What goes on where the group's position cannot. */
const REMEDY =
  "Stop the consumers, set the group's offset with kafka-consumer-groups.sh --reset-offsets, start them; " +
  "what was lost comes back by a new snapshot";
/** How long a partition rests whose offset a broker refused without reason. */
const REFUSED_MS = 200;
/** How long `subscribe` waits for the first assignment; it goes on by itself after that. */
const JOIN_MS = 15_000;

/**
 * Reads Kafka as a member of a consumer group. Beyond the contract:
 *
 * - Positions are committed to the group behind `acknowledge`, one request at a time, the newest each (I1: never one that
 *   was not acknowledged). `from` wins over the group's until the first commit. Fencing is the group's generation.
 * - At a rebalance what was fetched of partitions that moved away is dropped; of those that stay it is kept, unless
 *   another member went on meanwhile. Acknowledging a partition that moved away does nothing, and is counted; a commit
 *   that the rebalance refuses is no error, and is counted: those records are delivered again.
 * - Back-pressure: beyond `bufferBytes` nothing more is fetched; heartbeats go on, however long the caller waits.
 * - What cannot go on without a person rejects every `poll`: an offset that is out of range, a batch that cannot be read.
 *   The remedy is to stop the group's members and to set its position (`kafka-consumer-groups.sh --reset-offsets`).
 */
export class KafkaLog implements ChangeLog {
  readonly #options: Required<Pick<KafkaLogOptions, keyof typeof DEFAULTS>> & KafkaLogOptions;
  readonly #kafka: ReturnType<typeof createKafka>;
  readonly #cluster: KafkaCluster;
  readonly #reader: KafkaReader;
  readonly #partitions = new Map<string, KafkaPartition>();
  readonly #paused = new Set<string>();
  readonly #filled = new Wakeup();
  readonly #drained = new Wakeup();
  #group: KafkaGroup | undefined;
  #member: KafkaMember | undefined;
  #joined = Promise.withResolvers<void>();
  /** Rises with each assignment and each loss, so that what was begun under an older one is left. */
  #generation = 0;
  #topics: string[];
  #from = new Map<string, number>();
  /** What the reader believes to have, by name. */
  readonly #told = new Map<string, TopicPartition>();
  #onAssignment: ((change: AssignmentChange) => void) | undefined;
  #problem: CandlewireError | undefined;
  readonly #commits = new KafkaCommits({
    member: () => this.#member,
    partitions: () => this.#partitions.values(),
    committed: (partition) => this.#from.delete(nameOf(partition)),
    refused: () => this.#options.count?.("candlewire_log_commits_refused_total", 1),
  });
  /** Ends waits of the subscription. */
  #session = new AbortController();
  #turn = 0;
  #rebalancing = false;

  constructor(login: KafkaLogin, options: KafkaLogOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#topics = options.topics ?? [];
    const { group, clientId = group, secrets, log } = options;
    this.#kafka = createKafka(login, { clientId, secrets, log });
    this.#cluster = new KafkaCluster(this.#kafka);
    this.#reader = new KafkaReader(this.#cluster);
  }

  async subscribe(
    topics: string[],
    options: { from?: Position[]; onAssignment?: (change: AssignmentChange) => void } = {},
  ): Promise<void> {
    await this.#leave();
    this.#told.clear();
    this.#onAssignment = options.onAssignment;
    this.#session = new AbortController();
    this.#topics = topics;
    this.#from = new Map((options.from ?? []).map((position) => [nameOf(position), position.offset]));
    this.#joined = Promise.withResolvers();
    const { group: groupId, log } = this.#options;
    this.#group = new KafkaGroup(this.#kafka, this.#cluster, {
      ...this.#options,
      groupId,
      topics,
      log: (level, message, fields) => log?.(level, message, fields),
      events: {
        assigned: (member, partitions) => this.#assigned(member, partitions),
        rebalancing: () => {
          this.#rebalancing = true;
          this.#options.count?.("candlewire_log_rebalances_total", 1);
          void this.#commits.once();
        },
        fetched: (fetched, heartbeat, isRunning) => this.#fetched(fetched, heartbeat, isRunning),
        lost: (problem) => this.#lost(problem),
      },
    });
    const joined = new AbortController();
    await Promise.race([this.#joined.promise, wait(JOIN_MS, joined.signal)]);
    joined.abort();
    if (this.#problem !== undefined) throw this.#problem;
  }

  async poll(
    options: { maxRecords: number; timeoutMs: number; signal?: AbortSignal },
  ): Promise<ChangeBatch[]> {
    const deadline = performance.now() + options.timeoutMs;
    for (;;) {
      const batches = this.#take(options.maxRecords);
      if (batches.length > 0) {
        this.#drained.notify();
        return batches;
      }
      if (this.#problem !== undefined) throw this.#problem;
      const left = deadline - performance.now();
      if (left <= 0 || options.signal?.aborted) return [];
      await this.#filled.wait(left, options.signal);
    }
  }

  #take(maxRecords: number): ChangeBatch[] {
    // What moves away now would be done twice.
    if (this.#rebalancing) return [];
    const active: KafkaPartition[] = [];
    for (const [name, partition] of this.#partitions) {
      if (this.#paused.has(name)) continue;
      if (partition.failure !== undefined) throw partition.failure;
      if (partition.waits) active.push(partition);
    }
    const batches: ChangeBatch[] = [];
    let left = maxRecords;
    // A share each, so that one busy partition does not keep the others waiting.
    const share = Math.max(1, Math.floor(maxRecords / Math.max(1, active.length)));
    this.#turn++;
    for (let i = 0; i < active.length && left > 0; i++) {
      const partition = active[(this.#turn + i) % active.length]!;
      let batch: ChangeBatch | undefined;
      try {
        batch = partition.take(Math.min(left, share));
      } catch (error) {
        partition.failure = error as CandlewireError;
        // What was taken of others must go out: it is not delivered a second time.
        if (batches.length > 0) return batches;
        throw error;
      }
      if (batch === undefined) continue;
      left -= batch.records.length;
      batches.push(batch);
    }
    return batches;
  }

  async acknowledge(positions: Position[]): Promise<void> {
    let foreign = 0;
    for (const position of positions) {
      const partition = this.#partitions.get(nameOf(position));
      // Beyond what was delivered: it is of an ownership that ended, and another member may have gone on from there.
      if (partition === undefined || position.offset > partition.delivered) foreign++;
      else if (position.offset > partition.acknowledged) partition.acknowledged = position.offset;
    }
    if (foreign > 0) this.#options.count?.("candlewire_log_foreign_acknowledgements_total", foreign);
    this.#commits.schedule(this.#session.signal);
  }

  pause(partitions: TopicPartition[]): void {
    for (const each of partitions) {
      this.#paused.add(nameOf(each));
      const partition = this.#partitions.get(nameOf(each));
      if (partition === undefined) continue;
      // What waits here would count against the others' room for as long as the pause lasts.
      partition.clear();
      this.#member?.pause(partition);
    }
    this.#drained.notify();
  }

  resume(partitions: TopicPartition[]): void {
    for (const each of partitions) {
      if (!this.#paused.delete(nameOf(each))) continue;
      const partition = this.#partitions.get(nameOf(each));
      if (partition !== undefined) this.#member?.begin(partition, partition.fetched);
    }
  }

  /** The partitions that this instance reads now. */
  owned(): TopicPartition[] {
    return [...this.#partitions.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  positions(): Position[] {
    return [...this.#partitions.values()].map(({ topic, partition, acknowledged: offset }) => ({
      topic,
      partition,
      offset,
    }));
  }

  async watermarks(): Promise<Watermark[]> {
    return await this.#reader.watermarks(this.#topics);
  }

  async read(
    range: TopicPartition & { from: number; until: number; maxRecords: number },
  ): Promise<ChangeBatch> {
    return await this.#reader.read(range);
  }

  async offsetsAt(topic: string, time: number): Promise<Position[]> {
    return await this.#reader.offsetsAt(topic, time);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
    await this.#cluster[Symbol.asyncDispose]();
  }

  async #leave(): Promise<void> {
    this.#session.abort();
    await this.#commits.settled();
    await this.#commits.once();
    const group = this.#group;
    this.#group = undefined;
    this.#generation++;
    this.#partitions.clear();
    this.#problem = undefined;
    this.#drained.notify();
    this.#filled.notify();
    await group?.[Symbol.asyncDispose]();
    this.#member = undefined;
    this.#problem = undefined;
  }

  #assigned(member: KafkaMember, assigned: TopicPartition[]): void {
    this.#generation++;
    this.#member = member;
    this.#rebalancing = false;
    const names = new Set(assigned.map(nameOf));
    for (const name of this.#partitions.keys()) if (!names.has(name)) this.#partitions.delete(name);
    this.#drained.notify();
    this.#tell([], [...this.#told].filter(([name]) => !names.has(name)).map(([, each]) => each));
    void this.#open(member, assigned);
  }

  /** Tells the reader of what moved; the first of all assignments even when it is empty. */
  #tell(assigned: TopicPartition[], revoked: TopicPartition[], always = false): void {
    for (const each of assigned) this.#told.set(nameOf(each), each);
    for (const each of revoked) {
      this.#told.delete(nameOf(each));
      this.#paused.delete(nameOf(each));
    }
    if (always || assigned.length + revoked.length > 0) this.#onAssignment?.({ assigned, revoked });
  }

  /** Finds where to begin in each partition, then lets it be fetched. */
  async #open(member: KafkaMember, assigned: TopicPartition[]): Promise<void> {
    const generation = this.#generation;
    const current = () => generation === this.#generation;
    for (let attempt = 1; current(); attempt++) {
      try {
        const committed = new Map(
          (await this.#cluster.committed(this.#options.group, assigned)).map((at) => [nameOf(at), at.offset]),
        );
        const topics = [...new Set(assigned.map(({ topic }) => topic))];
        const marks = new Map((await this.#cluster.watermarks(topics)).map((mark) => [nameOf(mark), mark]));
        if (!current()) return;
        for (const each of assigned) this.#begin(member, each, committed, markOf(marks, each));
        this.#tell(assigned.filter((each) => !this.#told.has(nameOf(each))), [], this.#told.size === 0);
        this.#problem = undefined;
        this.#joined.resolve();
        this.#filled.notify();
        return;
      } catch (error) {
        if (!current()) return;
        this.#fail(kafkaError("Find where to begin in Kafka", error));
        await wait(Math.min(100 * attempt, 1000), this.#session.signal);
      }
    }
  }

  #begin(
    member: KafkaMember,
    each: TopicPartition,
    committed: Map<string, number>,
    { low, high }: Watermark,
  ): void {
    const name = nameOf(each);
    const groups = committed.get(name) ?? -1;
    let partition = this.#partitions.get(name);
    // Another member has gone on meanwhile where the group's position is not what we left there.
    if (partition === undefined || partition.committed !== groups || partition.failure !== undefined) {
      const start = this.#from.get(name) ?? (groups >= 0 ? groups : low);
      partition = new KafkaPartition(each, { start, committed: groups, high });
      if (start < low || start > high) {
        partition.failure = outOfRange({ ...each, offset: start }, low, high, REMEDY);
      }
      this.#partitions.set(name, partition);
    }
    if (partition.failure === undefined && !this.#paused.has(name)) member.begin(each, partition.fetched);
  }

  async #fetched(
    fetched: Fetched,
    heartbeat: () => Promise<void>,
    isRunning: () => boolean,
  ): Promise<void> {
    const name = nameOf(fetched);
    const generation = this.#generation;
    const partition = this.#partitions.get(name);
    if (partition === undefined || this.#paused.has(name)) return;
    if (fetched.outOfRange) {
      // Beside the driver, which has heartbeats to send meanwhile.
      void this.#refused(partition);
      return;
    }
    if (!partition.push(fetched.batches, fetched.highWatermark, fetched.from)) {
      // Another broker's answer has waited while the partition began anew: the driver went on from there.
      this.#member?.begin(partition, partition.fetched);
      return;
    }
    this.#filled.notify();
    // I10: there is no more than this and one answer; the group must not think us dead meanwhile.
    while (this.bufferedBytes > this.#options.bufferBytes && isRunning() && generation === this.#generation) {
      await this.#drained.wait(this.#options.heartbeatMs);
      await heartbeat();
    }
  }

  /**
   * A broker has nothing at the offset. A replica that has just come back may say so of what the leader has: who has it is asked,
   * and the partition goes on unless it really is out of range.
   */
  async #refused(partition: KafkaPartition): Promise<void> {
    const generation = this.#generation;
    const { topic, fetched } = partition;
    this.#member?.pause(partition);
    let mark: Watermark | undefined;
    try {
      mark = (await this.#cluster.watermarks([topic])).find((mark) => nameOf(mark) === nameOf(partition));
    } catch {
      // Nobody can tell just now.
    }
    if (mark === undefined || (mark.low <= fetched && fetched <= mark.high)) {
      await wait(REFUSED_MS, this.#session.signal);
      if (generation !== this.#generation || this.#paused.has(nameOf(partition))) return;
      this.#member?.begin(partition, partition.fetched);
      return;
    }
    partition.failure = outOfRange({ ...partition, offset: fetched }, mark.low, mark.high, REMEDY);
    this.#filled.notify();
  }

  /** Bytes fetched and not yet delivered. */
  get bufferedBytes(): number {
    let bytes = 0;
    for (const partition of this.#partitions.values()) bytes += partition.bytes;
    return bytes;
  }

  #lost(problem: CandlewireError | undefined): void {
    this.#generation++;
    this.#member = undefined;
    this.#rebalancing = false;
    this.#partitions.clear();
    this.#drained.notify();
    if (problem !== undefined) this.#fail(problem);
    this.#joined.resolve();
  }

  #fail(problem: CandlewireError): void {
    this.#problem = problem;
    this.#joined.resolve();
    this.#filled.notify();
  }
}

/** Where a partition begins and ends; rejects when the brokers did not tell. */
function markOf(marks: Map<string, Watermark>, at: TopicPartition): Watermark {
  const mark = marks.get(nameOf(at));
  if (mark !== undefined) return mark;
  throw new CandlewireError(
    "log.unavailable",
    `Find where to begin in Kafka: no broker tells of ${nameOf(at)}`,
    { retry: "retry", hint: "It is asked again by itself; look at the brokers if it lasts" },
  );
}
