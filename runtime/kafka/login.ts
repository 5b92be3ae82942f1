/** Where Kafka is and how one signs in, as a module is given it: everything but the secrets. */
export type KafkaLogin = {
  /** `host:port` of some brokers; the others are learned from them. */
  brokers: string[];
  /** PEM texts (not paths: a module reads no files); null for plain connections. */
  tls: { ca: string | null; certificate: string | null; serverName: string | null } | null;
  sasl: { mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; username: string } | null;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
};

/** The secrets that go with a {@linkcode KafkaLogin}; they arrive in a module's start message only (I6). */
export type KafkaSecrets = {
  kafkaPassword?: string;
  /** PEM text of the private key of `tls.certificate`. */
  kafkaKey?: string;
};
