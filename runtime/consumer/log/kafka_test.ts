import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import kafkajs from "kafkajs";
import { partitionFor } from "../../change/partitioner.ts";
import type { ChangeBatch } from "../../change/record.ts";
import { createKafka } from "../../kafka/client_kafka.ts";
import { MAX_BATCH_BYTES } from "../../kafka/codecs_kafka.ts";
import type { CandlewireError } from "../../error.ts";
import { testSeed } from "../../tests/seed.ts";
import { stackIgnore, stackName } from "../../tests/test_stack.ts";
import { eventually } from "../../tests/until.ts";
import { TestLog, testLogin, TestTopics } from "./testing/kafka_subject.ts";

const seed = testSeed("kafka");
const PARTITIONS = 6;

const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name: stackName(name), ...stackIgnore, fn });

/** Waits for a condition; fails with what it was waiting for. The group may take 30 s to be balanced. */
const until = (what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 60_000) =>
  eventually(holds, what, timeoutMs);

/** A reader that polls, and acknowledges what it was given, until it is stopped. */
class Reader implements AsyncDisposable {
  readonly log: TestLog;
  readonly seen: string[] = [];
  acknowledging = true;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(topics: TestTopics, options: ConstructorParameters<typeof TestLog>[1] = {}) {
    this.log = new TestLog(topics, options);
  }

  async start(topics = ["t"]): Promise<this> {
    await this.log.subscribe(topics);
    this.#running = this.#run();
    return this;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const batches = await this.log.poll({ maxRecords: 50, timeoutMs: 1000, signal });
      for (const batch of batches) for (const { value } of batch.records) this.seen.push(value!);
      if (this.acknowledging) {
        await this.log.acknowledge(
          batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next })),
        );
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.log[Symbol.asyncDispose]();
  }
}

const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ topic: "t", key: `k${from + i}`, value: String(from + i) }));

const missing = (seen: Set<string>, count: number) =>
  Array.from({ length: count }, (_, i) => String(i)).filter((value) => !seen.has(value));

test("kafka: two and three members share the partitions, and one that leaves or comes loses nothing", async () => {
  await using topics = new TestTopics(PARTITIONS);
  await topics.create("t");
  await using first = await new Reader(topics).start();
  await until("one owns all", () => first.log.owned().length === PARTITIONS);
  await topics.append(numbered(0, 300));
  await using second = await new Reader(topics).start();
  await until("two share", () => first.log.owned().length === 3 && second.log.owned().length === 3);
  await topics.append(numbered(300, 300));
  const third = await new Reader(topics).start();
  await until("three share", () => [first, second, third].every(({ log }) => log.owned().length === 2));
  await topics.append(numbered(600, 300));
  await until("the third read", () => third.seen.length > 0);
  await third[Symbol.asyncDispose]();
  await topics.append(numbered(900, 300));
  await until("two share again", () => first.log.owned().length === 3 && second.log.owned().length === 3);
  const seen = () => new Set([first, second, third].flatMap((reader) => reader.seen));
  await until("all was read", () => seen().size === 1200);
  assert.deepEqual(missing(seen(), 1200), []);
});

test("kafka: what a member had and did not acknowledge is delivered to the others when it dies", async () => {
  await using topics = new TestTopics(PARTITIONS);
  await topics.create("t");
  // The broker's shortest session is 6 s.
  const script = new URL("./testing/kafka_member.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, topics.prefix, topics.group],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) output += text;
  })();
  try {
    await topics.append(numbered(0, 400));
    await until("the other process reads", () => output.split("\n").length > 50);
    await using heir = await new Reader(topics, { sessionTimeoutMs: 6000 }).start();
    await until("both share", () => heir.log.owned().length === 3);
    child.kill("SIGKILL");
    await child.status;
    await until("one has all", () => heir.log.owned().length === PARTITIONS);
    // It acknowledged nothing, so all comes again.
    await until("all was read", () => new Set(heir.seen).size === 400);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It is dead, as it should be.
    }
    await reading;
  }
});

test("kafka: keeps what it fetched of partitions that stay, and goes on behind it", async () => {
  await using topics = new TestTopics(PARTITIONS);
  await topics.append(numbered(0, 600));
  await using first = new TestLog(topics);
  await first.subscribe(["t"]);
  const seen: string[] = [];
  const take = async (log: TestLog, max: number) => {
    const batches = await log.poll({ maxRecords: max, timeoutMs: 500 });
    for (const { records } of batches) for (const { value } of records) seen.push(value!);
    await log.acknowledge(batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next })));
  };
  await until("some was read", async () => (await take(first, 30), seen.length >= 60));
  await using second = await new Reader(topics).start();
  await until("both share", () => first.owned().length === 3 && second.log.owned().length === 3);
  await until(
    "all was read",
    async () => (await take(first, 30), new Set([...seen, ...second.seen]).size === 600),
  );
  // All was acknowledged before the second came, except what was handed out during the rebalance.
  const twice = seen.length + second.seen.length - 600;
  assert.ok(twice <= 60, `${twice} of 600 came twice`);
});

test("kafka: an acknowledgement for what another member has now moves nothing", async () => {
  await using topics = new TestTopics(PARTITIONS);
  await topics.append(numbered(0, 60));
  const counts = new Map<string, number>();
  const count = (name: string, by: number) => void counts.set(name, (counts.get(name) ?? 0) + by);
  await using first = new TestLog(topics, { count });
  await first.subscribe(["t"]);
  const batches: ChangeBatch[] = [];
  await until("all was delivered", async () => {
    batches.push(...await first.poll({ maxRecords: 100, timeoutMs: 200 }));
    return batches.reduce((sum, { records }) => sum + records.length, 0) === 60;
  });
  await using second = new TestLog(topics);
  const joining = second.subscribe(["t"]);
  joining.catch(() => {});
  await until(
    "both share",
    async () => (await first.poll({ maxRecords: 1, timeoutMs: 0 }), first.owned().length === 3),
  );
  await joining;
  await first.acknowledge(batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next })));
  assert.ok(counts.get("candlewire_log_foreign_acknowledgements_total")! >= 1);
  const moved = second.owned().map(({ partition }) => partition);
  const again: ChangeBatch[] = [];
  const wanted = batches.filter(({ partition }) => moved.includes(partition))
    .reduce((sum, { records }) => sum + records.length, 0);
  await until("the other is given them", async () => {
    again.push(...await second.poll({ maxRecords: 100, timeoutMs: 200 }));
    return again.reduce((sum, { records }) => sum + records.length, 0) >= wanted;
  });
});

test("kafka: fetches no more than its buffer and one answer while nobody polls, and stays in the group", async () => {
  await using topics = new TestTopics(2);
  const value = "x".repeat(10_000);
  for (let i = 0; i < 8; i++) {
    await topics.append(Array.from({ length: 100 }, (_, j) => ({ topic: "t", key: `k${j}`, value })));
  }
  const limits = {
    bufferBytes: 500_000,
    maxBytes: 400_000,
    maxBytesPerPartition: 200_000,
    sessionTimeoutMs: 6000,
  };
  await using log = new TestLog(topics, limits);
  await log.subscribe(["t"]);
  await until("the buffer is full", () => log.log.bufferedBytes > 500_000);
  let most = 0;
  const deadline = Date.now() + 8000;
  // Longer than a session.
  while (Date.now() < deadline) {
    most = Math.max(most, log.log.bufferedBytes);
    assert.equal(log.owned().length, 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // One partition's part of an answer holds at least one batch of the producer's, which may be larger than the limit.
  assert.ok(most < 500_000 + 2 * 1_100_000, `${most} bytes`);
  let got = 0;
  await until("all comes", async () => {
    for (const { records } of await log.poll({ maxRecords: 500, timeoutMs: 500 })) got += records.length;
    return got === 800;
  });
});

test("kafka: the group remembers what was acknowledged, never what was only delivered (I1)", async () => {
  await using topics = new TestTopics(1);
  await topics.append(numbered(0, 10));
  const deliver = async (log: TestLog, count: number) => {
    const seen: number[] = [];
    await until("they came", async () => {
      for (const { records } of await log.poll({ maxRecords: count - seen.length, timeoutMs: 200 })) {
        seen.push(...records.map(({ value }) => Number(value)));
      }
      return seen.length === count;
    });
    return seen;
  };
  {
    await using log = new TestLog(topics);
    await log.subscribe(["t"]);
    await deliver(log, 8);
    await log.acknowledge([{ topic: "t", partition: 0, offset: 4 }]);
  }
  {
    await using log = new TestLog(topics);
    await log.subscribe(["t"]);
    assert.deepEqual(await deliver(log, 3), [4, 5, 6]);
    // Before anything new is acknowledged, the lag is told from what the group remembers.
    assert.deepEqual(log.log.positions().map(({ offset }) => offset), [4]);
  }
  await using log = new TestLog(topics);
  await log.subscribe(["t"]);
  assert.deepEqual(await deliver(log, 6), [4, 5, 6, 7, 8, 9]);
});

test("kafka: reads through transactions: markers move the position, aborted records do not come", async () => {
  await using topics = new TestTopics(1);
  await topics.create("t");
  const kafka = createKafka(testLogin(), { clientId: "transactions" });
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    transactionalId: `${topics.prefix}tx`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  for (const [value, commit] of [["a", true], ["b", false], ["c", true], ["d", false]] as const) {
    const transaction = await producer.transaction();
    await transaction.send({
      topic: topics.name("t"),
      messages: [{ value: `${value}1` }, { value: `${value}2` }],
    });
    await (commit ? transaction.commit() : transaction.abort());
  }
  await producer.disconnect();
  await using log = new TestLog(topics);
  await log.subscribe(["t"]);
  const seen: (string | null)[] = [];
  let next = 0;
  await until("the committed came", async () => {
    const batches = await log.poll({ maxRecords: 3, timeoutMs: 200 });
    for (const batch of batches) {
      seen.push(...batch.records.map(({ value }) => value));
      next = batch.next;
    }
    await log.acknowledge(batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next })));
    return seen.length >= 4;
  });
  assert.deepEqual(seen, ["a1", "a2", "c1", "c2"]);
  assert.deepEqual(await log.poll({ maxRecords: 10, timeoutMs: 300 }), []);
  await until("the last marker", async () => (await log.watermarks())[0]?.high === 12);
  assert.ok(next <= 12);
  const read = await log.read({ topic: "t", partition: 0, from: 0, until: 99, maxRecords: 10 });
  assert.deepEqual([read.records.map(({ value }) => value), read.next], [["a1", "a2", "c1", "c2"], 12]);
  const part = await log.read({ topic: "t", partition: 0, from: 2, until: 7, maxRecords: 10 });
  assert.deepEqual([part.records.map(({ value }) => value), part.next], [["c1"], 7]);
});

test("kafka: says where retention was faster than it, and skips nothing", async () => {
  await using topics = new TestTopics(1);
  await topics.append(numbered(0, 10));
  {
    await using log = new TestLog(topics);
    await log.subscribe(["t"]);
    await until("some came", async () => (await log.poll({ maxRecords: 3, timeoutMs: 200 })).length > 0);
    await log.acknowledge([{ topic: "t", partition: 0, offset: 3 }]);
  }
  await topics.prune([{ topic: "t", partition: 0, offset: 7 }]);
  for (const _ of [1, 2]) {
    await using log = new TestLog(topics);
    await log.subscribe(["t"]);
    const offsets = /partition 0 at offset 3: the log has 7 to 10, offsets 3 to 6 were removed/;
    await assert.rejects(() => log.poll({ maxRecords: 3, timeoutMs: 0 }), {
      code: "log.out_of_range",
      message: offsets,
      hint: /reset-offsets/,
    });
  }
});

test("kafka: says so, too, when the records are removed while it reads", async () => {
  await using topics = new TestTopics(1);
  await topics.append(numbered(0, 10));
  await using log = new TestLog(topics);
  await log.subscribe(["t"]);
  let got = 0;
  await until("all came", async () => {
    for (const { records } of await log.poll({ maxRecords: 100, timeoutMs: 200 })) got += records.length;
    return got === 10;
  });
  log.pause([{ topic: "t", partition: 0 }]);
  await topics.append(numbered(10, 10));
  await topics.prune([{ topic: "t", partition: 0, offset: 15 }]);
  log.resume([{ topic: "t", partition: 0 }]);
  await assert.rejects(
    async () => {
      for (let i = 0; i < 50; i++) {
        assert.deepEqual(await log.poll({ maxRecords: 3, timeoutMs: 200 }), []);
      }
    },
    { code: "log.out_of_range", message: /at offset 10: the log has 15 to 20/ },
  );
});

test("kafka: a batch that cannot be read stops with its place, after all that lies before it", async () => {
  await using topics = new TestTopics(1);
  await topics.append(numbered(0, 5));
  // Small on the wire and for the broker, beyond what we let one batch grow to.
  await topics.producer.send({
    topic: topics.name("t"),
    compression: kafkajs.CompressionTypes.ZSTD,
    messages: [{ value: Buffer.alloc(MAX_BATCH_BYTES + 1) }],
  });
  await topics.append([{ topic: "t", key: null, value: "behind" }]);
  await using log = new TestLog(topics);
  await log.subscribe(["t"]);
  let got = 0;
  await assert.rejects(
    async () => {
      for (let i = 0; i < 50; i++) {
        for (const { records } of await log.poll({ maxRecords: 100, timeoutMs: 200 })) got += records.length;
      }
    },
    { code: "log.corrupt_batch", message: /partition 0 at offset 5/ },
  );
  assert.equal(got, 5);
  const before = await log.read({ topic: "t", partition: 0, from: 3, until: 9, maxRecords: 9 });
  assert.deepEqual([before.records.length, before.next], [2, 5]);
  await assert.rejects(
    () => log.read({ topic: "t", partition: 0, from: 5, until: 9, maxRecords: 9 }),
    { code: "log.corrupt_batch", message: /partition 0 at offset 5/ },
  );
  const behind = await log.read({ topic: "t", partition: 0, from: 6, until: 9, maxRecords: 9 });
  assert.deepEqual(behind.records.map(({ value }) => value), ["behind"]);
});

test("kafka: a batch that cannot be read loses nothing of the other partitions", async () => {
  await using topics = new TestTopics(4);
  await topics.append(numbered(0, 200));
  await topics.producer.send({
    topic: topics.name("t"),
    compression: kafkajs.CompressionTypes.ZSTD,
    messages: [{ value: Buffer.alloc(MAX_BATCH_BYTES + 1), partition: 2 }],
  });
  await topics.append(numbered(200, 200));
  const seen: string[] = [];
  const readAll = async (log: TestLog) => {
    const deadline = Date.now() + 60_000;
    while (missing(new Set(seen), 400).length > 0) {
      assert.ok(Date.now() < deadline, `${seen.length} records came`);
      const batches = await log.poll({ maxRecords: 40, timeoutMs: 1000 });
      for (const { records } of batches) seen.push(...records.map(({ value }) => value!));
      await log.acknowledge(
        batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next })),
      );
    }
  };
  let bad: { partition: number; offset: number } | undefined;
  {
    await using log = new TestLog(topics);
    await log.subscribe(["t"]);
    await assert.rejects(() => readAll(log), (error: CandlewireError) => {
      bad = error.details as typeof bad;
      return error.code === "log.corrupt_batch";
    });
    await assert.rejects(() => readAll(log), { code: "log.corrupt_batch" });
  }
  // What an operator does: sets the position behind it.
  await using log = new TestLog(topics);
  await log.subscribe(["t"], { from: [{ topic: "t", partition: bad!.partition, offset: bad!.offset + 1 }] });
  await readAll(log);
  assert.equal(bad!.partition, 2);
  assert.equal(seen.length, 400);
  assert.deepEqual(await log.poll({ maxRecords: 40, timeoutMs: 1000 }), [], "none comes twice");
});

test("kafka: every codec comes through, one after the other in one partition", async () => {
  await using topics = new TestTopics(1);
  await topics.create("t");
  const { CompressionTypes } = kafkajs;
  for (
    const [i, compression] of [CompressionTypes.None, CompressionTypes.GZIP, CompressionTypes.ZSTD].entries()
  ) {
    await topics.producer.send({
      topic: topics.name("t"),
      compression,
      messages: Array.from({ length: 100 }, (_, j) => ({ value: String(i * 100 + j) })),
    });
  }
  await using reader = await new Reader(topics).start();
  await until("all came", () => reader.seen.length === 300);
  assert.deepEqual(reader.seen, Array.from({ length: 300 }, (_, i) => String(i)));
  const range = await reader.log.read({ topic: "t", partition: 0, from: 95, until: 205, maxRecords: 200 });
  assert.deepEqual(
    range.records.map(({ value }) => Number(value)),
    Array.from({ length: 110 }, (_, i) => 95 + i),
  );
});

test("kafka: takes up a topic that appears beside others that it reads", async () => {
  await using topics = new TestTopics(2);
  await topics.append(numbered(0, 10));
  const lines: string[] = [];
  await using reader = await new Reader(topics, { log: (_level, line) => lines.push(line) }).start([
    "t",
    "late",
  ]);
  await until("the first came", () => reader.seen.length === 10);
  assert.ok(
    lines.some((line) => line.includes(`may not read: ${topics.name("late")}`)),
    lines.join("\n"),
  );
  await topics.append([{ topic: "late", key: null, value: "late" }]);
  await until("the late one came", () => reader.seen.includes("late"));
  await topics.append(numbered(10, 10));
  await until("the first goes on", () => new Set(reader.seen).size === 21);
});

test("kafka: rejects with a retryable error while no broker answers, and ends quickly all the same", async () => {
  const { KafkaLog } = await import("./kafka.ts");
  const started = performance.now();
  {
    await using log = new KafkaLog({ ...testLogin(), brokers: ["127.0.0.1:1"], connectTimeoutMs: 300 }, {
      group: "nobody",
    });
    await assert.rejects(() => log.subscribe(["t"]), { code: "log.unavailable", retry: "retry" });
    await assert.rejects(() => log.poll({ maxRecords: 1, timeoutMs: 5000 }), { code: "log.unavailable" });
    await assert.rejects(() => log.watermarks(), { code: "log.unavailable" });
  }
  assert.ok(performance.now() - started < 30_000);
});

Deno.test("kafka: the client's partitioner and ours agree on every key", () => {
  const choose = kafkajs.Partitioners.DefaultPartitioner();
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.integer({ min: 1, max: 50 }),
      (symbol, count) => {
        // Kafka hashes bytes: a lone surrogate has none of its own.
        const key = JSON.stringify({ symbol: symbol.toWellFormed() });
        const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
          partitionId,
          partitionErrorCode: 0,
          leader: 1,
          replicas: [1],
          isr: [1],
        }));
        const theirs = choose({ topic: "t", partitionMetadata, message: { key, value: null } });
        assert.equal(theirs, partitionFor(key, count));
      },
    ),
    { seed, numRuns: 2000 },
  );
});
