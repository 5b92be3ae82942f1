import { CandlewireError } from "../error.ts";

/** What is read off kafkajs' errors: they nest, and carry the protocol's name of the error in `type`. */
type DriverError = Error & { type?: string; code?: unknown; topic?: string; broker?: string };

type Mapped = { code: string; retry: "retry" | "never" | "operator"; hint?: string };

/** By the protocol's names. Source: Kafka's protocol guide, "Error codes". */
const BY_TYPE: Record<string, Mapped> = {
  UNKNOWN_TOPIC_OR_PARTITION: {
    code: "log.topic_missing",
    retry: "operator",
    hint: "Start the host, which creates the topics, or create them as schema/kafka/topics.json says",
  },
  INVALID_TOPIC_EXCEPTION: { code: "log.topic_missing", retry: "operator", hint: "Mend the topic's name" },
  MESSAGE_TOO_LARGE: {
    code: "log.record_too_large",
    retry: "never",
    hint: "Raise max.message.bytes of the topic",
  },
  RECORD_LIST_TOO_LARGE: {
    code: "log.record_too_large",
    retry: "never",
    hint: "Raise max.message.bytes of the topic, or send smaller batches",
  },
  INVALID_REPLICATION_FACTOR: {
    code: "log.bad_topic",
    retry: "operator",
    hint: "Lower kafka.replicationFactor to the number of brokers",
  },
  INVALID_REQUIRED_ACKS: { code: "log.bad_topic", retry: "operator" },
  INVALID_CONFIG: { code: "log.bad_topic", retry: "operator" },
  POLICY_VIOLATION: { code: "log.bad_topic", retry: "operator", hint: "Ask who runs the brokers" },
  UNSUPPORTED_VERSION: { code: "log.unsupported", retry: "operator", hint: "Use Kafka 2.3 or later" },
  UNSUPPORTED_SASL_MECHANISM: {
    code: "log.unauthorized",
    retry: "operator",
    hint: "Set kafka.sasl.mechanism to one that the listener has",
  },
  INVALID_PRODUCER_EPOCH: {
    code: "log.fenced",
    retry: "never",
    hint: "Another writer has taken over; run one",
  },
  PRODUCER_FENCED: { code: "log.fenced", retry: "never", hint: "Another writer has taken over; run one" },
};

const UNAUTHORIZED: Mapped = {
  code: "log.unauthorized",
  retry: "operator",
  hint: "Check kafka.sasl and the rights of that user on topics, group and cluster",
};

/**
 * kafkajs' errors as ours. `log.unavailable` (retry) for what time mends; `log.unauthorized`, `log.untrusted` (TLS),
 * `log.topic_missing`, `log.bad_topic`, `log.denied` (the sandbox) for an operator; `log.record_too_large`, `log.fenced`
 * never. `action` begins the message, such as `Write to Kafka`. What is ours already is passed on.
 */
export function kafkaError(action: string, error: unknown): CandlewireError {
  if (error instanceof CandlewireError) return error;
  const chain = causes(error);
  const root = chain.at(-1)!;
  const mapped = firstOf(chain, byType) ?? firstOf(chain, byText) ??
    { code: "log.unavailable", retry: "retry" as const };
  const broker = firstOf(chain, ({ broker }) => broker);
  const topic = firstOf(chain, ({ topic }) => topic);
  const where = broker === undefined || root.message.includes(broker) ? "" : ` (${broker})`;
  return new CandlewireError(mapped.code, `${action}${where}: ${root.message || root.name}`, {
    retry: mapped.retry,
    hint: mapped.hint ??
      (mapped.code === "log.unavailable"
        ? "Waiting for Kafka; check kafka.brokers if this lasts"
        : undefined),
    cause: error,
    details: {
      ...(broker === undefined ? {} : { broker }),
      ...(topic === undefined ? {} : { topic }),
      ...(root.type === undefined ? {} : { kafka: root.type }),
    },
  });
}

/** Whether a group's rebalance refused something: not a failure, the work is delivered again. */
export function isRebalance(error: unknown): boolean {
  return causes(error).some(({ type }) => type !== undefined && REBALANCE.has(type));
}

const REBALANCE = new Set([
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "MEMBER_ID_REQUIRED",
]);

function byType({ type, name }: DriverError): Mapped | undefined {
  if (name === "KafkaJSSASLAuthenticationError") return UNAUTHORIZED;
  if (type === undefined) return undefined;
  if (type.endsWith("_AUTHORIZATION_FAILED") || type === "SASL_AUTHENTICATION_FAILED") return UNAUTHORIZED;
  return BY_TYPE[type];
}

function byText({ name, message, code }: DriverError): Mapped | undefined {
  if (name === "NotCapable" || /Requires (net|sys|env|read) access/.test(message)) {
    return {
      code: "log.denied",
      retry: "operator",
      hint: "The brokers advertise an address that the module was not granted; add it to kafka.brokers",
    };
  }
  const tls =
    /certificate|self.signed|UnknownIssuer|NotValidForName|BadSignature|CERT_|ERR_TLS|altname|InvalidContentType/i;
  if (tls.test(message) || (typeof code === "string" && tls.test(code))) {
    return {
      code: "log.untrusted",
      retry: "operator",
      hint:
        "Check kafka.tls: caFile must hold the brokers' authority, serverName the name in their certificates",
    };
  }
  if (/SASL|authentication failed|unsupported mechanism/i.test(message)) return UNAUTHORIZED;
  // How a listener of another kind answers; a broker that goes down looks the same.
  if (/Closed connection|closed by the server|before secure TLS|write after end/i.test(message)) {
    return {
      code: "log.unavailable",
      retry: "retry",
      hint:
        "Waiting for Kafka; if this lasts, check that kafka.tls and kafka.sasl are what the listener wants",
    };
  }
  return undefined;
}

/** The error and what lies below it, outermost first; at most eight. */
function causes(error: unknown): DriverError[] {
  const chain: DriverError[] = [];
  for (let at = error; at instanceof Error && chain.length < 8; at = at.cause) {
    chain.push(at);
    // What admin calls reject with: one error a topic.
    const errors = (at as { errors?: unknown }).errors;
    if (Array.isArray(errors) && errors[0] instanceof Error) chain.push(...causes(errors[0]).slice(0, 4));
  }
  return chain.length > 0 ? chain : [new Error(String(error))];
}

function firstOf<T>(chain: DriverError[], pick: (error: DriverError) => T | undefined): T | undefined {
  for (const error of chain) {
    const picked = pick(error);
    if (picked !== undefined) return picked;
  }
  return undefined;
}
