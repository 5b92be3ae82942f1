import { CandlewireError } from "../../error.ts";
import { kafkaError } from "../../kafka/error_kafka.ts";

/** Where a refusal happened, as far as it is known. */
export type ProblemPlace = { topic?: string; partition?: number; key?: string | null; bytes?: number };

/** Error codes of the protocol that the sink tells apart. Source: Kafka documentation, "Error codes". */
export const KAFKA_ERROR = {
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  messageTooLarge: 10,
  networkException: 13,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  storageError: 56,
  saslAuthenticationFailed: 58,
  unknownProducerId: 59,
  invalidRecord: 87,
} as const;

/** The leader moved, or is being chosen: fresh metadata and the same request may do at once. */
export function isPassing(code: number): boolean {
  return code === KAFKA_ERROR.leaderNotAvailable || code === KAFKA_ERROR.notLeader ||
    code === KAFKA_ERROR.networkException || code === KAFKA_ERROR.corruptMessage;
}

/** The broker no longer knows what this producer wrote: a new producer id and the same records. */
export function isForgotten(code: number): boolean {
  return code === KAFKA_ERROR.outOfOrderSequence || code === KAFKA_ERROR.unknownProducerId ||
    code === KAFKA_ERROR.invalidProducerEpoch;
}

/**
 * The protocol's error code as one of ours. All may be tried again as they are: nothing is lost, and an operator's remedy
 * takes effect while we try. `details.state` says what to show meanwhile: `degraded` mends itself, `blocked` does not.
 */
export function refusal(
  code: number,
  action: string,
  place: ProblemPlace = {},
  cause?: unknown,
): CandlewireError {
  const topic = place.topic === undefined ? "a topic" : `topic ${place.topic}`;
  const make = (name: string, text: string, hint: string, state: "blocked" | "degraded" = "blocked") =>
    new CandlewireError(`log.${name}`, `${action}: ${text}`, {
      retry: "retry",
      hint,
      cause,
      details: { ...place, kafkaErrorCode: code, state },
    });
  switch (code) {
    case KAFKA_ERROR.unknownTopicOrPartition:
    case KAFKA_ERROR.invalidTopic:
      return make(
        "topic_missing",
        `${topic} is missing`,
        "Create the topic, or give the host's login the right to; changes wait in PostgreSQL meanwhile",
      );
    case KAFKA_ERROR.topicAuthorizationFailed:
    case KAFKA_ERROR.clusterAuthorizationFailed:
      return make(
        "unauthorized",
        `the login may not write ${topic}`,
        "Grant WRITE and DESCRIBE on the topics, READ on the position topic, and IDEMPOTENT_WRITE on the cluster",
      );
    case KAFKA_ERROR.saslAuthenticationFailed:
      return make("unauthorized", "the broker refuses the login", "Check kafka.sasl and its password");
    case KAFKA_ERROR.messageTooLarge:
    case KAFKA_ERROR.recordListTooLarge:
      return make(
        "record_too_large",
        `${topic}, partition ${place.partition}, takes no record of ${place.bytes} bytes (key ${place.key})`,
        `Raise max.message.bytes of the topic (and replica.fetch.max.bytes, consumers' limits); ` +
          `or leave the column out of the publication`,
      );
    case KAFKA_ERROR.notEnoughReplicas:
    case KAFKA_ERROR.notEnoughReplicasAfterAppend:
      return make(
        "too_few_replicas",
        `${topic} has fewer in-sync replicas than min.insync.replicas asks for`,
        "Start the brokers that are away; records wait in PostgreSQL meanwhile",
      );
    case KAFKA_ERROR.invalidRecord:
      return make(
        "record_refused",
        `${topic} refuses the record (key ${place.key})`,
        "A compacted topic takes no record without a key: set cleanup.policy=delete, or give the table a primary key",
      );
    case KAFKA_ERROR.storageError:
      return make("storage", `${topic}'s leader cannot write its log`, "Mend or free the broker's disk");
    default:
      return make("unavailable", `the broker answers with error ${code}`, "See the broker's log", "degraded");
  }
}

/**
 * What the driver threw as one of ours, to be tried again as it is: while the broker is away nothing is lost, and an
 * operator's remedy takes effect while we try.
 */
export function driverError(error: unknown, action: string, place: ProblemPlace = {}): CandlewireError {
  if (error instanceof CandlewireError && error.details.state !== undefined) return error;
  const code = protocolCode(error);
  if (code !== undefined && KNOWN.has(code)) return refusal(code, action, place, error);
  const { code: name, message, hint, retry, details } = kafkaError(action, error);
  return new CandlewireError(name, message, {
    retry: retry === "never" ? "never" : "retry",
    hint,
    cause: error,
    details: { ...place, ...details, state: retry === "retry" ? "degraded" : "blocked" },
  });
}

const KNOWN = new Set<number>(Object.values(KAFKA_ERROR));

/** The protocol's code in a driver's error, or in what caused it. */
function protocolCode(error: unknown): number | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = (at as { code?: unknown }).code;
    if (at.name === "KafkaJSProtocolError" && typeof code === "number") return code;
  }
  return undefined;
}
