// The driver's parts below its public face, at the pinned version, used by this file alone: its public `batch` makes
// some 20 buffers and objects a row, which is most of what a row costs.
import type { Client } from "cassandra-driver";
import { DefaultExecutionOptions } from "cassandra-driver/lib/execution-options.js";
import PrepareHandler from "cassandra-driver/lib/prepare-handler.js";
import RequestHandler from "cassandra-driver/lib/request-handler.js";
import requests from "cassandra-driver/lib/requests.js";
import { EventEmitter } from "node:events";
import type { Buffer } from "node:buffer";
import { unpreparedIn } from "../../cassandra/error_cassandra.ts";

/** Bytes before the body of a frame. */
export const HEADER_BYTES = 9;

/** Protocol version 4, request; https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec, section 2. */
const VERSION = 0x04;
const OPCODE_BATCH = 0x0d;

/** A batch whose frame is there already: only its stream id is put in when it is sent. */
class EncodedBatch extends requests.Request {
  readonly #frame: Buffer;
  readonly consistency: number;
  declare length: number;

  constructor(frame: Buffer, consistency: number) {
    super();
    this.#frame = frame;
    this.consistency = consistency;
    this.length = frame.length - HEADER_BYTES;
  }

  /** The driver copies the frame into its socket's buffer at once, so a second try may write another id into it. */
  write(_encoder: unknown, streamId: number): Buffer {
    const frame = this.#frame;
    frame[0] = VERSION;
    frame[1] = 0;
    frame.writeInt16BE(streamId, 2);
    frame[4] = OPCODE_BATCH;
    frame.writeInt32BE(frame.length - HEADER_BYTES, 5);
    return frame;
  }

  clone(): EncodedBatch {
    return new EncodedBatch(this.#frame, this.consistency);
  }
}

/**
 * Sends a batch to a replica of `routingKey`. `frame` begins with {@linkcode HEADER_BYTES} free bytes, then the body of a
 * BATCH request. A node that does not know a statement is told it, and asked again. Resolves when the level has
 * acknowledged; rejects with the driver's error. Every statement must be idempotent.
 */
export function sendBatch(
  client: Client,
  frame: Buffer,
  options: { consistency: number; routingKey: Buffer },
): Promise<unknown> {
  const execution = DefaultExecutionOptions.create({ ...options, isIdempotent: true, logged: false }, client);
  return RequestHandler.send(new EncodedBatch(frame, options.consistency), execution, client)
    .catch(async (error: unknown) => {
      throw await whyUnprepared(client, error);
    });
}

type Prepared = { query: string; keyspace?: string };
type PreparesAgain = {
  _prepare(info: Prepared & EventEmitter, query: string, keyspace: string | undefined): Promise<unknown>;
};

/**
 * What is really wrong when a node knows a statement no more. The driver prepares it again by itself; when that fails, as
 * it does when a table was dropped, it forgets why and says that the statement is not prepared. Here it is prepared once
 * more, past the driver's cache, and the refusal of that is answered with; any other error is handed back as it is.
 */
export async function whyUnprepared(client: Client, error: unknown): Promise<unknown> {
  const id = unpreparedIn(error);
  if (id === undefined) return error;
  const { metadata } = client as unknown as {
    metadata: { getPreparedById(id: Uint8Array): Prepared | undefined };
  };
  const known = metadata.getPreparedById(id);
  if (known === undefined) return error;
  const { query, keyspace } = known;
  const policy = DefaultExecutionOptions.create({}, client).getLoadBalancingPolicy();
  const handler = new PrepareHandler(client, policy) as unknown as PreparesAgain;
  try {
    await handler._prepare(Object.assign(new EventEmitter(), { query, keyspace }), query, keyspace);
    return error;
  } catch (refusal) {
    return refusal;
  }
}

/** Prepares a statement on the nodes and remembers it in the client, and answers with its id. */
export async function prepareStatement(client: Client, cql: string): Promise<Uint8Array> {
  const policy = DefaultExecutionOptions.create({}, client).getLoadBalancingPolicy();
  const { queryId } = await PrepareHandler.getPrepared(client, policy, cql, client.keyspace);
  return queryId;
}
