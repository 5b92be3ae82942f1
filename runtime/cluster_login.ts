import type { CassandraLogin, CassandraSecrets } from "./cassandra/login.ts";
import type { Config } from "./config.ts";
import { CandlewireError, errorText } from "./error.ts";
import type { KafkaLogin, KafkaSecrets } from "./kafka/login.ts";

type TlsFiles = NonNullable<Config["kafka"]["tls"]>;

/** Login and secrets of Kafka from the configuration; PEM files are read here, because modules read none. */
export async function kafkaLogin(config: Config): Promise<{ login: KafkaLogin; secrets: KafkaSecrets }> {
  const { brokers, tls, sasl, connectTimeoutMs, requestTimeoutMs } = config.kafka;
  const pem = tls === null ? null : await readTls(tls, "kafka.tls");
  return {
    login: {
      brokers,
      tls: pem?.tls ?? null,
      sasl: sasl === null ? null : { mechanism: sasl.mechanism, username: sasl.username },
      connectTimeoutMs,
      requestTimeoutMs,
    },
    secrets: {
      ...(sasl === null ? {} : { kafkaPassword: sasl.password }),
      ...(pem?.key === undefined ? {} : { kafkaKey: pem.key }),
    },
  };
}

/** Login and secrets of Cassandra from the configuration; PEM files are read here, because modules read none. */
export async function cassandraLogin(
  config: Config,
): Promise<{ login: CassandraLogin; secrets: CassandraSecrets }> {
  const { contactPoints, port, localDataCenter, keyspace, username, password, consistency, tls } =
    config.cassandra;
  const { connectTimeoutMs, requestTimeoutMs } = config.cassandra;
  const pem = tls === null ? null : await readTls(tls, "cassandra.tls");
  return {
    login: {
      contactPoints,
      port,
      localDataCenter,
      keyspace,
      tls: pem?.tls ?? null,
      username,
      consistency,
      connectTimeoutMs,
      requestTimeoutMs,
    },
    secrets: {
      ...(password === null ? {} : { cassandraPassword: password }),
      ...(pem?.key === undefined ? {} : { cassandraKey: pem.key }),
    },
  };
}

async function readTls(files: TlsFiles, section: string) {
  const read = async (key: "caFile" | "certificateFile" | "keyFile") => {
    const path = files[key];
    if (path === null) return undefined;
    try {
      return await Deno.readTextFile(path);
    } catch (cause) {
      throw new CandlewireError("config.unreadable", `Read ${section}.${key} ${path}: ${errorText(cause)}`, {
        retry: "operator",
        hint: "Give the path of a PEM file that this user may read",
        cause,
      });
    }
  };
  const [ca, certificate, key] = [
    await read("caFile"),
    await read("certificateFile"),
    await read("keyFile"),
  ];
  return {
    tls: { ca: ca ?? null, certificate: certificate ?? null, serverName: files.serverName },
    key,
  };
}
