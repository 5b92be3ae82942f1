/**
 * The group's coordinator moves, and the new one is still loading when the member joins again: what real brokers do for some
 * milliseconds after a preferred leader election, and only then. The log and the driver are the real ones, the brokers' answers
 * are made here. Prints how many records came before and after. A program of its own, for it replaces a part of the driver.
 */
import Cluster from "kafkajs/src/cluster/index.js";
import { MemberAssignment } from "kafkajs/src/consumer/assignerProtocol.js";
import { splitBatches } from "../../../kafka/record_batch.ts";
import { KafkaLog } from "../kafka.ts";

const TOPIC = "t";
/** A batch of 30 records. */
const BATCH = await Deno.readFile(new URL("../../../kafka/testing/batches/none.bin", import.meta.url));
const RECORDS = 30;

let coordinator = "1";
let loading = false;
let generation = 0;
let committed = -1;

const refusal = (type: string) =>
  Object.assign(new Error(type), { name: "KafkaJSProtocolError", type, retriable: true });

class Broker {
  constructor(readonly nodeId: string) {}

  isConnected = () => true;
  leaveGroup = () => Promise.resolve();

  // deno-lint-ignore require-await
  async joinGroup() {
    this.#coordinates();
    if (loading) {
      // Loaded by the next time.
      loading = false;
      throw refusal("GROUP_LOAD_IN_PROGRESS");
    }
    generation++;
    return {
      generationId: generation,
      leaderId: "m",
      memberId: "m",
      members: [{ memberId: "m", memberMetadata: null }],
      groupProtocol: "RoundRobinAssigner",
    };
  }

  // deno-lint-ignore require-await
  async syncGroup() {
    return { memberAssignment: MemberAssignment.encode({ version: 1, assignment: { [TOPIC]: [0] } }) };
  }

  /** One that loads answers as well as it would later: the member and its generation are known then. */
  // deno-lint-ignore require-await
  async heartbeat() {
    this.#coordinates();
  }

  // deno-lint-ignore require-await
  async offsetCommit(request: { topics: { partitions: { offset: string }[] }[] }) {
    this.#coordinates();
    committed = Number(request.topics[0]!.partitions[0]!.offset);
  }

  // deno-lint-ignore require-await
  async offsetFetch() {
    const partitions = [{ partition: 0, offset: String(committed), errorCode: 0 }];
    return { responses: [{ topic: TOPIC, partitions }] };
  }

  async fetch(request: { topics: { partitions: { fetchOffset: string }[] }[] }) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const base = Math.floor(Number(request.topics[0]!.partitions[0]!.fetchOffset) / RECORDS) * RECORDS;
    const bytes = BATCH.slice();
    // The base offset is outside of the checksum.
    new DataView(bytes.buffer).setBigInt64(0, BigInt(base));
    const messages = splitBatches(bytes).map((recordBatch) => ({
      offset: String(recordBatch.last),
      recordBatch,
      outOfRange: false,
      isControlRecord: false,
      batchContext: { inTransaction: false },
    }));
    const partition = {
      partition: 0,
      errorCode: 0,
      highWatermark: String(base + RECORDS),
      abortedTransactions: [],
      preferredReadReplica: -1,
      messages,
    };
    return { responses: [{ topicName: TOPIC, partitions: [partition] }] };
  }

  #coordinates() {
    if (this.nodeId !== coordinator) throw refusal("NOT_COORDINATOR_FOR_GROUP");
  }
}

const brokers: Record<string, Broker> = { 1: new Broker("1"), 2: new Broker("2") };
const nothing = () => Promise.resolve();
Object.assign(Cluster.prototype, {
  connect: nothing,
  disconnect: nothing,
  metadata: () => Promise.resolve({ topicMetadata: [{ topic: TOPIC }] }),
  addMultipleTargetTopics: nothing,
  refreshMetadata: nothing,
  refreshMetadataIfNecessary: nothing,
  removeBroker() {},
  getNodeIds: () => Object.keys(brokers),
  findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
  findLeaderForPartitions: () => ({ 1: [0] }),
  findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(brokers[nodeId]),
  findGroupCoordinator: () => Promise.resolve(brokers[coordinator]),
  fetchTopicsOffset: ([topic]: { fromBeginning?: boolean }[]) =>
    Promise.resolve([{
      topic: TOPIC,
      partitions: [{ partition: 0, offset: topic?.fromBeginning ? "0" : "1000000" }],
    }]),
});

const login = { brokers: ["x:1"], tls: null, sasl: null, connectTimeoutMs: 1000, requestTimeoutMs: 1000 };
await using log = new KafkaLog(login, { group: "g", heartbeatMs: 100 });
await log.subscribe([TOPIC]);

/** Reads and acknowledges until so many records have come, or for `ms`. */
async function read(count: number, ms: number): Promise<number> {
  const deadline = performance.now() + ms;
  let records = 0;
  while (records < count && performance.now() < deadline) {
    const batches = await log.poll({ maxRecords: 100, timeoutMs: 100 }).catch(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return [];
    });
    for (const batch of batches) records += batch.records.length;
    const positions = batches.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    // A commit may meet the move.
    await log.acknowledge(positions).catch(() => {});
  }
  return records;
}

const before = await read(300, 30_000);
coordinator = "2";
loading = true;
// Until the move is noticed.
const deadline = performance.now() + 30_000;
while (loading && performance.now() < deadline) await read(1, 100);
const noticedAt = committed;
// More than a fetch or two that were under way.
const after = await read(1000, 20_000);
console.log(JSON.stringify({ before, after, joins: generation, committed: committed > noticedAt }));
