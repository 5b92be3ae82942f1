import kafkajs, { type Kafka } from "kafkajs";
import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import { KafkaCluster } from "./cluster_kafka.ts";
import { kafkaError } from "./error_kafka.ts";

/** Key of the one record that says whose numbers the log holds; the topic is compacted, so it stays. */
const KEY = "origin";

/**
 * Binds the log to an origin, or checks that it is bound to this one (I8). `topic` is compacted and has one partition.
 * Rejects with `log.origin_mismatch`; `log.unavailable` and others as {@linkcode kafkaError}.
 */
export async function settleLogOrigin(kafka: Kafka, topic: string, origin: Origin): Promise<void> {
  const known = await readLogOrigin(kafka, topic);
  if (known === undefined) return await writeOrigin(kafka, topic, origin);
  if (known.kind === origin.kind && known.id === origin.id) return;
  throw new CandlewireError(
    "log.origin_mismatch",
    `Use Kafka's topics: they hold "${known.label}" (${known.kind} ${known.id}), the source is "${origin.label}" (${origin.kind} ${origin.id})`,
    {
      retry: "operator",
      hint:
        "Use another Kafka for this source, or delete the topics binance.*; data of two origins is never mixed",
    },
  );
}

/** Whose numbers the log holds; undefined while nobody has said so, or the topic is not there. */
export async function readLogOrigin(kafka: Kafka, topic: string): Promise<Origin | undefined> {
  await using cluster = new KafkaCluster(kafka);
  const [range] = await cluster.watermarks([topic]);
  if (range === undefined) return undefined;
  const { low: from, high: until } = range;
  // It is the oldest record that compaction leaves, so the search ends soon.
  for await (const { key, value } of cluster.records({ topic, partition: 0, from, until })) {
    if (key === KEY && value !== null) return JSON.parse(value) as Origin;
  }
  return undefined;
}

async function writeOrigin(kafka: Kafka, topic: string, origin: Origin): Promise<void> {
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  });
  try {
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ key: KEY, value: JSON.stringify(origin) }] });
  } catch (error) {
    throw kafkaError(`Write the origin to ${topic}`, error);
  } finally {
    await producer.disconnect().catch(() => {});
  }
}
