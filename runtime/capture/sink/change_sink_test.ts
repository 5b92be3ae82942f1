import assert from "node:assert/strict";
import fc from "fast-check";
import { partitionFor } from "../../change/partitioner.ts";
import { JournalLog } from "../../consumer/log/journal.ts";
import { testSeed } from "../../tests/seed.ts";
import { stackReason, testStack } from "../../tests/test_stack.ts";
import type { CapturePosition, ChangeSink, SinkRecord } from "./change_sink.ts";
import { JournalSink } from "./journal.ts";
import { KafkaSink } from "./kafka.ts";
import { KafkaTopics } from "../../tests/kafka_topics.ts";
import { MemorySink } from "./memory.ts";

const seed = testSeed("change_sink");
const PARTITIONS = 3;
const TOPICS = ["a", "b"];
const ORIGIN = { kind: "exchange" as const, id: "t", label: "test" };

type Stored = { topic: string; partition: number; offset: number; key: string | null; value: string | null };

/** A sink, how to open it again as after a crash, and what it holds. */
type Subject = AsyncDisposable & {
  sink: ChangeSink;
  reopen(): Promise<ChangeSink>;
  stored(): Promise<Stored[]>;
};

const ADAPTERS: Record<string, () => Promise<Subject>> = {
  async memory() {
    const sink = new MemorySink(PARTITIONS);
    return {
      sink,
      reopen: () => Promise.resolve(sink),
      stored: () => Promise.resolve(sink.records),
      async [Symbol.asyncDispose]() {},
    };
  },

  async journal() {
    const folder = await Deno.makeTempDir();
    const limits = {
      segmentBytes: 100_000,
      segmentMs: 3_600_000,
      retentionMs: 0,
      retentionBytes: 1e9,
      maxBytes: 1e9,
    };
    const sinks: JournalSink[] = [];
    const open = async () => {
      const sink = await JournalSink.open(folder, {
        origin: ORIGIN,
        partitions: PARTITIONS,
        epoch: 1,
        limits,
      });
      sinks.push(sink);
      return sink;
    };
    const sink = await open();
    return {
      sink,
      // The one before is not closed: as after a crash, it just writes no more.
      reopen: open,
      async stored() {
        await using log = new JournalLog(folder);
        const all: Stored[] = [];
        for (const { topic, partition, low, high } of await log.watermarks()) {
          const batch = await log.read({ topic, partition, from: low, until: high, maxRecords: 1e6 });
          for (const { offset, key, value } of batch.records) {
            all.push({ topic, partition, offset, key, value });
          }
        }
        return all;
      },
      async [Symbol.asyncDispose]() {
        for (const opened of sinks) await opened[Symbol.asyncDispose]();
        await Deno.remove(folder, { recursive: true });
      },
    };
  },

  async kafka() {
    const topics = await KafkaTopics.create({ changes: TOPICS, partitions: PARTITIONS });
    const sinks: KafkaSink[] = [];
    const open = () => {
      const sink = new KafkaSink(topics.kafka, {
        origin: ORIGIN,
        partitions: PARTITIONS,
        positionTopic: topics.name("position"),
        slot: "s",
      });
      sinks.push(sink);
      return sink;
    };
    return {
      sink: prefixed(open(), topics),
      // The one before is not closed: as after a crash, it just writes no more.
      reopen: async () => prefixed(open(), topics),
      stored: () => topics.records(TOPICS),
      async [Symbol.asyncDispose]() {
        for (const opened of sinks) await opened[Symbol.asyncDispose]();
        await topics[Symbol.asyncDispose]();
      },
    };
  },
};
if (testStack() === undefined) {
  delete ADAPTERS.kafka;
  Deno.test({ name: `kafka: the contract (skipped: ${stackReason})`, ignore: true, fn() {} });
}

/** Tests share one Kafka: this sink writes to topics of its own under the suite's names. */
function prefixed(sink: ChangeSink, topics: KafkaTopics): ChangeSink {
  return {
    capabilities: sink.capabilities,
    position: () => sink.position(),
    append: (records, position) =>
      sink.append(records.map((record) => ({ ...record, topic: topics.name(record.topic) })), position),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

const position = (n: number): CapturePosition => ({
  systemId: "1",
  commitLsn: `0/${n.toString(16).toUpperCase()}`,
  changes: n % 3 - 1,
  acknowledgedLsn: `0/${n.toString(16).toUpperCase()}`,
  snapshot: null,
});

for (const [name, make] of Object.entries(ADAPTERS)) {
  Deno.test(`${name}: an empty sink has no position`, async () => {
    await using subject = await make();
    assert.equal(await subject.sink.position(), undefined);
    assert.equal(await (await subject.reopen()).position(), undefined);
  });

  Deno.test(`${name}: keeps records per partition in order, with the position of the last append, also when opened again (I1)`, async () => {
    const record = fc.record({
      topic: fc.constantFrom(...TOPICS),
      key: fc.option(fc.constantFrom('{"symbol":"X"}', '{"symbol":"Y"}', '{"symbol":"币"}')),
      value: fc.option(fc.json()),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(record, { maxLength: 40 }), { minLength: 1, maxLength: 6 }),
        async (groups) => {
          await using subject = await make();
          let sink = subject.sink;
          for (const [n, group] of groups.entries()) {
            await sink.append(group, position(n));
            if (n % 2 === 1) sink = await subject.reopen();
            assert.deepEqual(await sink.position(), position(n));
          }
          const stored = await subject.stored();
          const expected = new Map<string, SinkRecord[]>();
          for (const given of groups.flat()) {
            const partition = given.key === null ? 0 : partitionFor(given.key, PARTITIONS);
            const at = `${given.topic}/${partition}`;
            expected.set(at, [...(expected.get(at) ?? []), given]);
          }
          assert.equal(stored.length, groups.flat().length);
          for (const [at, records] of expected) {
            const mine = stored.filter(({ topic, partition }) => `${topic}/${partition}` === at);
            mine.sort((a, b) => a.offset - b.offset);
            assert.deepEqual(mine.map(({ offset }) => offset), [...records.keys()]);
            assert.deepEqual(
              mine.map(({ key, value }) => [key, value]),
              records.map(({ key, value }) => [key, value]),
            );
          }
        },
      ),
      { seed, numRuns: { journal: 30, kafka: 6 }[name] ?? 100 },
    );
  });

  Deno.test(`${name}: a position alone can move`, async () => {
    await using subject = await make();
    await subject.sink.append([{ topic: "a", key: null, value: "1" }], position(1));
    const snapshot = { startedAt: 5 as never, slotLsn: "0/9" };
    await subject.sink.append([], { ...position(2), snapshot });
    assert.deepEqual(await (await subject.reopen()).position(), { ...position(2), snapshot });
    assert.equal((await subject.stored()).length, 1);
  });
}
