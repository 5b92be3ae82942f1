/**
 * In a process of its own, with a module's permissions: makes a topic, writes to it, reads it as a group, removes it.
 * Arguments: brokers, comma separated. Prints one line: the value that it read, or the error's code.
 */
import kafkajs from "kafkajs";
import { KafkaLog } from "../../consumer/log/kafka.ts";
import { createKafka } from "../client_kafka.ts";
import { createTopics } from "../create_topics_kafka.ts";
import { kafkaError } from "../error_kafka.ts";

const login = {
  brokers: Deno.args[0]!.split(","),
  tls: null,
  sasl: null,
  connectTimeoutMs: 3000,
  requestTimeoutMs: 10_000,
};
const topic = `probe-${crypto.randomUUID()}`;
const kafka = createKafka(login, { clientId: "probe" });
const admin = kafka.admin();
try {
  await admin.connect();
  await createTopics(admin, [{ topic, numPartitions: 1, replicationFactor: 1 }]);
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    idempotent: true,
  });
  await producer.connect();
  await producer.send({ topic, messages: [{ value: "read" }] });
  await producer.disconnect();
  {
    await using log = new KafkaLog(login, { group: topic });
    await log.subscribe([topic]);
    const [batch] = await log.poll({ maxRecords: 1, timeoutMs: 10_000 });
    await log.acknowledge([{ topic, partition: 0, offset: 1 }]);
    console.log(batch?.records[0]?.value);
  }
  await admin.deleteTopics({ topics: [topic] });
  await admin.deleteGroups([topic]);
} catch (error) {
  console.log(kafkaError("Probe Kafka", error).code);
}
await admin.disconnect();
