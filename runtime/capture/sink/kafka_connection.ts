import type { Buffer } from "node:buffer";
import type { Kafka } from "kafkajs";
import { connectDriverCluster } from "../../kafka/driver_cluster_kafka.ts";
import type { WireProducer } from "./kafka_produce_request.ts";

/** A partition and the broker that leads it. */
export type Leader = { partition: number; broker: number };

/** What a partition answered to a Produce request: the protocol's error code, 0 for none. */
export type ProduceResult = { topic: string; partition: number; code: number };

const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: "Produce" };

/**
 * The driver's connections, metadata and authentication, under its public producer: requests are built by us
 * (`kafka_produce_request.ts`). After an error of a connection the instance is done with: dispose of it and connect anew.
 */
export class KafkaConnection implements AsyncDisposable {
  readonly #cluster: DriverCluster;

  private constructor(cluster: DriverCluster) {
    this.#cluster = cluster;
  }

  /** Connects to one of the brokers; rejects with the driver's error. */
  static async connect(kafka: Kafka): Promise<KafkaConnection> {
    const cluster = await connectDriverCluster<DriverCluster>(kafka, { metadataMaxAge: 300_000 });
    return new KafkaConnection(cluster);
  }

  /** The leaders of a topic's partitions, from metadata that may be cached; `fresh` asks the brokers. */
  async leaders(topic: string, fresh = false): Promise<Leader[]> {
    await this.#cluster.addMultipleTargetTopics([topic]);
    if (fresh) await this.#cluster.refreshMetadata();
    return this.#cluster.findTopicPartitionMetadata(topic)
      .map(({ partitionId, leader }) => ({ partition: partitionId, broker: leader }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** A new producer id, with which the brokers tell a repeated batch from a new one. */
  async producer(): Promise<WireProducer> {
    await this.#cluster.refreshMetadataIfNecessary();
    const broker = await this.#cluster.findControllerBroker();
    const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 60_000 });
    return { id: BigInt(producerId), epoch: producerEpoch };
  }

  /** Sends a Produce request to a broker. The body must stay as it is until the answer. */
  async produce(nodeId: number, body: Buffer): Promise<ProduceResult[]> {
    const broker = await this.#cluster.findBroker({ nodeId });
    return await broker.connectionPool.send({
      // The driver asks for something like its own Encoder.
      request: { ...PRODUCE, encode: async () => ({ buf: body, buffer: body }) },
      response: { decode: async (bytes) => decodeProduce(bytes), parse: async ({ results }) => results },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not waited for without end: the driver waits for answers of a broker that may never come.
    const gone = Promise.withResolvers<void>();
    const timer = setTimeout(gone.resolve, 1000);
    await Promise.race([this.#cluster.disconnect().catch(() => {}), gone.promise]);
    clearTimeout(timer);
  }
}

/** Produce response, version 7. */
function decodeProduce(bytes: Buffer): { results: ProduceResult[]; clientSideThrottleTime: number } {
  const results: ProduceResult[] = [];
  let at = 4;
  for (let topics = bytes.readInt32BE(0); topics > 0; topics--) {
    const length = bytes.readInt16BE(at);
    const topic = bytes.toString("utf8", at + 2, at + 2 + length);
    const partitions = bytes.readInt32BE(at + 2 + length);
    at += 6 + length;
    for (let i = 0; i < partitions; i++, at += 30) {
      results.push({ topic, partition: bytes.readInt32BE(at), code: bytes.readInt16BE(at + 4) });
    }
  }
  return { results, clientSideThrottleTime: bytes.readInt32BE(at) };
}

/** What we use of the driver's cluster (kafkajs 2.2.4, src/cluster/index.js). */
type DriverCluster = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findControllerBroker(): Promise<DriverBroker>;
  findBroker(options: { nodeId: number }): Promise<DriverBroker>;
};

type DriverBroker = {
  initProducerId(
    options: { transactionTimeout: number },
  ): Promise<{ producerId: string; producerEpoch: number }>;
  connectionPool: {
    send<Decoded extends { clientSideThrottleTime: number }, Result>(exchange: {
      request: typeof PRODUCE & { encode: () => Promise<{ buf: Buffer; buffer: Buffer }> };
      response: { decode: (bytes: Buffer) => Promise<Decoded>; parse: (decoded: Decoded) => Promise<Result> };
    }): Promise<Result>;
  };
};
