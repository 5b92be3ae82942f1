import response from "kafkajs/src/protocol/requests/fetch/v11/response.js";
import type { AbortedTransaction, RecordBatch } from "./record_batch.ts";
import { splitBatches } from "./record_batch.ts";

/**
 * What stands for a message in an answer that was split by {@linkcode replaceFetchDecoder}: one record batch, its
 * records still to be decoded. The other fields are those that kafkajs looks at.
 */
export type BatchMessage = {
  /** Of the batch's last record, as kafkajs writes offsets. */
  offset: string;
  recordBatch: RecordBatch | null;
  /** The broker refused the offset: retention was faster, or the topic is another one. */
  outOfRange: boolean;
  isControlRecord: false;
  batchContext: { inTransaction: false };
};

type Partition = {
  partition: number;
  errorCode: number;
  highWatermark: string;
  lastStableOffset: string;
  lastStartOffset: string;
  abortedTransactions: [];
  preferredReadReplica: number;
  messages: BatchMessage[];
};

const OFFSET_OUT_OF_RANGE = 1;
const NO_CONTEXT = { inTransaction: false } as const;

/**
 * Replaces kafkajs' decoding of fetched records (version 11 of the answer, brokers from 2.3 on) by splitting into record
 * batches, which the log decodes itself. Why: kafkajs checks no checksum, stops all partitions for one batch that it
 * cannot read without naming it, and answers an offset that retention has removed by going to another one silently.
 * Idempotent; every consumer of the process is affected.
 */
export function replaceFetchDecoder(): void {
  (response as { decode: unknown }).decode = decode;
}

/** Source: Kafka's protocol guide, "Fetch Response (Version: 11)". */
async function decode(data: Uint8Array) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  const int32 = () => view.getInt32((at += 4) - 4);
  const int64 = () => view.getBigInt64((at += 8) - 8);
  const clientSideThrottleTime = int32();
  const errorCode = view.getInt16((at += 2) - 2);
  const sessionId = int32();
  const responses = [];
  for (let topics = int32(); topics > 0; topics--) {
    const length = view.getInt16((at += 2) - 2);
    const topicName = new TextDecoder().decode(data.subarray(at, at + length));
    at += length;
    const partitions: Partition[] = [];
    for (let count = int32(); count > 0; count--) {
      const partition = int32();
      const code = view.getInt16((at += 2) - 2);
      const highWatermark = int64();
      const lastStableOffset = int64();
      const lastStartOffset = int64();
      const aborted: AbortedTransaction[] = [];
      for (let transactions = int32(); transactions > 0; transactions--) {
        aborted.push({ producerId: int64(), firstOffset: Number(int64()) });
      }
      aborted.sort((a, b) => a.firstOffset - b.firstOffset);
      const preferredReadReplica = int32();
      const bytes = Math.max(0, int32());
      const messages = code === OFFSET_OUT_OF_RANGE
        ? [OUT_OF_RANGE]
        : splitBatches(shared(data, at, bytes), aborted).map(messageOf);
      at += bytes;
      partitions.push({
        partition,
        errorCode: code === OFFSET_OUT_OF_RANGE ? 0 : code,
        highWatermark: highWatermark.toString(),
        lastStableOffset: lastStableOffset.toString(),
        lastStartOffset: lastStartOffset.toString(),
        abortedTransactions: [],
        preferredReadReplica,
        messages,
      });
    }
    responses.push({ topicName, partitions });
  }
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

/** The largest offset there is, so that kafkajs takes it for one that was asked for. */
const OUT_OF_RANGE: BatchMessage = {
  offset: "9223372036854775806",
  recordBatch: null,
  outOfRange: true,
  isControlRecord: false,
  batchContext: NO_CONTEXT,
};

function messageOf(recordBatch: RecordBatch): BatchMessage {
  return {
    offset: String(recordBatch.last),
    recordBatch,
    outOfRange: false,
    isControlRecord: false,
    batchContext: NO_CONTEXT,
  };
}

/** A part of the answer; a small one is copied, so that a partition that waits does not hold the whole answer. */
function shared(data: Uint8Array, at: number, bytes: number): Uint8Array {
  const part = data.subarray(at, at + bytes);
  return bytes * 4 < data.length ? new Uint8Array(part) : part;
}
