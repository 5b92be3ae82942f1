import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { Kafka, logLevel } from "kafkajs";
import { KafkaCluster } from "../../kafka/cluster_kafka.ts";
import { mendDriver } from "../../kafka/mend_kafka.ts";
import { readLogOrigin, settleLogOrigin } from "../../kafka/origin_kafka.ts";
import { eventually } from "../../tests/until.ts";
import { needStack, stackIgnore, stackName } from "../../tests/test_stack.ts";
import type { CapturePosition, SinkRecord } from "./change_sink.ts";
import { KAFKA_ERROR, refusal } from "./kafka_errors.ts";
import { KafkaSink, type KafkaSinkOptions } from "./kafka.ts";
import { KafkaTopics } from "../../tests/kafka_topics.ts";

const ORIGIN = { kind: "exchange" as const, id: "t", label: "test" };
const position = (n: number): CapturePosition => ({
  systemId: "1",
  commitLsn: `0/${n}`,
  changes: -1,
  acknowledgedLsn: `0/${n}`,
  snapshot: null,
});

function sinkOn(topics: KafkaTopics, options: Partial<KafkaSinkOptions> = {}, kafka: Kafka = topics.kafka) {
  return new KafkaSink(kafka, {
    origin: ORIGIN,
    partitions: 1,
    positionTopic: topics.name("position"),
    slot: "s",
    ...options,
  });
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: stackName(name), ...stackIgnore, fn });
}

/** A client whose connections a test breaks: `away` before they are there, `cut` when the next answer to Produce comes. */
function faultyKafka() {
  mendDriver();
  const faults = { away: false, cut: 0, cuts: 0 };
  const kafka = new Kafka({
    brokers: needStack().kafka,
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 10, retries: 2 },
    connectionTimeout: 2000,
    socketFactory: ({ host, port, onConnect }) => {
      const socket: Socket = connect({ host, port: faults.away ? 1 : port }, onConnect);
      let produces = 0;
      const write = socket.write.bind(socket);
      socket.write = ((bytes: Uint8Array, ...rest: never[]) => {
        // After the length: the API's number, 0 for Produce.
        if (bytes[4] === 0 && bytes[5] === 0) produces++;
        return write(bytes, ...rest);
      }) as typeof socket.write;
      const emit = socket.emit.bind(socket);
      socket.emit = ((event: string, ...rest: unknown[]) => {
        if (event === "data" && produces > 0 && faults.cut > 0) {
          faults.cut--;
          faults.cuts++;
          socket.destroy();
          return emit("end");
        }
        return emit(event, ...rest);
      }) as typeof socket.emit;
      return socket;
    },
  });
  return { kafka, faults };
}

const record = (topics: KafkaTopics, n: number, value = `"${n}"`, topic = "a"): SinkRecord => ({
  topic: topics.name(topic),
  key: `{"symbol":"S${n % 5}"}`,
  value,
});

test("an answer without records, as of a broker that throttles, is not taken for the end of the positions", async () => {
  await using topics = await KafkaTopics.create({ changes: ["a"], partitions: 1 });
  {
    await using sink = sinkOn(topics);
    await sink.append([record(topics, 1)], position(1));
    await settleLogOrigin(topics.kafka, topics.name("position"), ORIGIN);
  }
  const { fetch } = KafkaCluster.prototype;
  let empty = 3;
  KafkaCluster.prototype.fetch = async function (...of) {
    return empty-- > 0 ? [] : await fetch.apply(this, of);
  };
  try {
    // Else the slot were dropped, and a log of one origin bound to another.
    assert.deepEqual(await sinkOn(topics).position(), position(1));
    empty = 3;
    assert.deepEqual(await readLogOrigin(topics.kafka, topics.name("position")), ORIGIN);
  } finally {
    KafkaCluster.prototype.fetch = fetch;
  }
});

test("fault `failAfterWrite`: the answer is lost with the connection, and nothing comes twice", async () => {
  await using topics = await KafkaTopics.create({ changes: ["a"], partitions: 2 });
  const { kafka, faults } = faultyKafka();
  await using sink = sinkOn(topics, {}, kafka);
  await sink.append([record(topics, 0)], position(0));
  for (let n = 1; n <= 4; n++) {
    faults.cut = n % 3;
    await sink.append([record(topics, 2 * n), record(topics, 2 * n + 1)], position(n));
  }
  assert.equal(faults.cuts, 1 + 2 + 0 + 1);
  const stored = await topics.records(["a"]);
  assert.deepEqual(stored.map(({ value }) => JSON.parse(value!)).sort(), [
    "0",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
  ]);
  assert.deepEqual(await sinkOn(topics).position(), position(4));
});

test("fault `away`: appends fail as degraded while no broker answers, and the same call succeeds after", async () => {
  await using topics = await KafkaTopics.create({ changes: ["a"] });
  const { kafka, faults } = faultyKafka();
  await using sink = sinkOn(topics, {}, kafka);
  faults.away = true;
  const records = [record(topics, 1), record(topics, 2)];
  const at = position(1);
  for (let n = 0; n < 2; n++) {
    await assert.rejects(
      () => sink.append(records, at),
      (error: { code: string; retry: string; details: Record<string, unknown> }) => {
        assert.equal(error.code, "log.unavailable");
        assert.equal(error.retry, "retry");
        assert.equal(error.details.state, "degraded");
        return true;
      },
    );
  }
  faults.away = false;
  await sink.append(records, at);
  assert.equal((await topics.records(["a"])).length, 2);
  assert.deepEqual(await sink.position(), at);
});

test("a missing topic is named; once it is there the same call goes on, and nothing is there twice", async () => {
  await using topics = await KafkaTopics.create({ changes: ["a"] });
  await using sink = sinkOn(topics);
  const records = [record(topics, 1), record(topics, 2, "2", "late")];
  const at = position(1);
  await assert.rejects(() => sink.append(records, at), {
    code: "log.topic_missing",
    message: new RegExp(topics.name("late")),
  });
  await topics.make("late", { partitions: 2 });
  await sink.append(records, at);
  assert.equal((await topics.records(["a", "late"])).length, 2);
  // Deleted while in use.
  await topics.remove("late");
  const more = [record(topics, 3), record(topics, 4, "4", "late")];
  await assert.rejects(() => sink.append(more, position(2)), { code: "log.topic_missing", retry: "retry" });
  await topics.make("late", { partitions: 2 });
  await sink.append(more, position(2));
  assert.deepEqual((await topics.records(["late"])).map(({ value }) => value), ["4"]);
  await assert.rejects(() => sinkOn(topics, { positionTopic: topics.name("none") }).position(), {
    code: "log.topic_missing",
    message: new RegExp(topics.name("none")),
  });
});

test("a record too large for its topic is named with key and size; raising the limit lets the same call go on", async () => {
  await using topics = await KafkaTopics.create();
  await topics.make("a", { config: { "max.message.bytes": "2000" } });
  await using sink = sinkOn(topics);
  // Small ones that are too large together are sent in parts.
  await sink.append(Array.from({ length: 200 }, (_, n) => record(topics, n)), position(1));
  assert.equal((await topics.records(["a"])).length, 200);
  const records = [record(topics, 1), record(topics, 2, `"${"x".repeat(5000)}"`), record(topics, 3)];
  const at = position(2);
  await assert.rejects(
    () => sink.append(records, at),
    (error: { code: string; message: string; details: Record<string, unknown> }) => {
      assert.equal(error.code, "log.record_too_large");
      assert.match(error.message, /5017 bytes/);
      assert.match(error.message, /"symbol":"S2"/);
      assert.equal(error.details.state, "blocked");
      return true;
    },
  );
  assert.deepEqual(await sinkOn(topics).position(), position(1));
  await topics.configure("a", { "max.message.bytes": "10000" });
  // A broker takes new settings over a little after the controller has answered.
  await eventually(
    () =>
      sink.append(records, at).then(() => true, (error) => {
        assert.equal(error.code, "log.record_too_large");
        return false;
      }),
    () => "the record stays too large",
  );
  const values = (await topics.records(["a"])).slice(200).map(({ value }) => value!.length);
  assert.deepEqual(values, [3, 5002, 3]);
});

Deno.test("the broker's refusals say what to do, and whether they mend themselves", () => {
  const place = { topic: "t", partition: 0, key: "k", bytes: 9 };
  for (const code of Object.values(KAFKA_ERROR)) {
    const error = refusal(code, "Append", place);
    assert.ok(error.retry === "retry" && error.hint !== undefined && /^Append: /.test(error.message));
  }
  assert.equal(refusal(KAFKA_ERROR.notEnoughReplicas, "Append", place).code, "log.too_few_replicas");
  assert.equal(refusal(KAFKA_ERROR.topicAuthorizationFailed, "Append", place).details.state, "blocked");
  assert.equal(refusal(KAFKA_ERROR.requestTimedOut, "Append", place).details.state, "degraded");
});

test("a topic with fewer partitions than configured is used as it is, and said", async () => {
  await using topics = await KafkaTopics.create({ changes: ["a"], partitions: 2 });
  const warnings: string[] = [];
  await using sink = sinkOn(topics, { partitions: 4, warn: (message) => void warnings.push(message) });
  await sink.append(Array.from({ length: 20 }, (_, n) => record(topics, n)), position(1));
  assert.equal((await topics.records(["a"])).length, 20);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /has 2 partitions.*4/);
});

test("the position is found among many, of several slots; another origin and foreign bytes are refused", async () => {
  await using topics = await KafkaTopics.create();
  await using other = sinkOn(topics, { slot: "other" });
  await using sink = sinkOn(topics);
  await sink.append([], position(7));
  for (let n = 0; n < 150; n++) await other.append([], position(n));
  assert.deepEqual(await sinkOn(topics).position(), position(7));
  assert.deepEqual(await sinkOn(topics, { slot: "other" }).position(), position(149));
  assert.equal(await sinkOn(topics, { slot: "none" }).position(), undefined);
  await assert.rejects(
    () => sinkOn(topics, { origin: { kind: "live", id: "binance", label: "Binance" } }).position(),
    {
      code: "capture.log_origin",
      retry: "operator",
    },
  );
  const producer = topics.kafka.producer();
  await producer.connect();
  const write = (value: string | null) =>
    producer.send({ topic: topics.name("position"), messages: [{ key: "s", value }] });
  await write("{garbage");
  await assert.rejects(() => sinkOn(topics).position(), {
    code: "capture.position_format",
    message: /garbage/,
  });
  await write(null);
  assert.equal(await sinkOn(topics).position(), undefined);
  await producer.disconnect();
});

test("records of a topic that the broker stamps with its own time read back whole", async () => {
  await using topics = await KafkaTopics.create();
  await topics.make("a", { config: { "message.timestamp.type": "LogAppendTime" } });
  await using sink = sinkOn(topics);
  await sink.append([record(topics, 1), record(topics, 2)], position(1));
  assert.deepEqual((await topics.records(["a"])).map(({ key, value }) => [key, value]), [
    ['{"symbol":"S1"}', '"1"'],
    ['{"symbol":"S2"}', '"2"'],
  ]);
});
