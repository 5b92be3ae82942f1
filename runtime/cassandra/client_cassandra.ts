import cassandra from "cassandra-driver";
import { cassandraError } from "./error_cassandra.ts";
import type { CassandraLogin, CassandraSecrets } from "./login.ts";
import { mendDriver } from "./mend_cassandra.ts";
import { CassandraRetryPolicy } from "./retry_cassandra.ts";

/** Options of {@linkcode connectCassandra}. */
export type ConnectOptions = {
  secrets?: CassandraSecrets;
  /** Shown in `system_views.clients` of the servers. */
  applicationName?: string;
  /** The driver's own words, for a module's log. */
  log?: (level: "info" | "warn" | "error", message: string) => void;
  /** False connects without the keyspace, which may not be there yet. Default true. */
  useKeyspace?: boolean;
  /** Owner of the codes of errors. Default `cassandra`. */
  owner?: "store" | "query" | "cassandra";
};

/**
 * A connected client. Statements are prepared, asked at the read level and sent to a replica in the local data center
 * unless their options say otherwise; nothing is sent twice to be faster (no speculative execution); only statements
 * with `isIdempotent: true` are tried on another node. Numbers are taken for `bigint` and `timestamp`; `bigint` comes
 * back as `Long`, `timestamp` as `Date`.
 *
 * Rejects with what {@linkcode cassandraError} makes: `<owner>.unavailable`, `.unauthorized`, `.schema_missing`, ….
 */
export async function connectCassandra(
  login: CassandraLogin,
  options: ConnectOptions = {},
): Promise<cassandra.Client> {
  mendDriver();
  const client = new cassandra.Client(clientOptions(login, options));
  const { log } = options;
  // Without a listener the driver's words are lost; its verbose ones are not for people.
  client.on("log", (level: string, _from: string, message: string) => {
    if (level === "error" || level === "warning") log?.("warn", message);
  });
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await abandon(client);
    throw cassandraError(
      `Connect to Cassandra at ${login.contactPoints.map((host) => withPort(host, login.port)).join(", ")}`,
      cause,
      options.owner ?? "cassandra",
    );
  }
}

/**
 * Closes what a client that could not connect has opened: its own `shutdown` leaves connections and timers of such a one
 * behind, and who tries again without end would pile them up (I10).
 */
async function abandon(client: cassandra.Client): Promise<void> {
  const inner = client as unknown as { controlConnection?: { shutdown(): void }; connected: boolean };
  inner.controlConnection?.shutdown();
  const hosts = client.hosts === undefined || client.hosts === null ? [] : client.hosts.values();
  for (const host of hosts) {
    await (host as unknown as { shutdown(wait: boolean): Promise<void> }).shutdown(false).catch(() => {});
  }
}

/** The driver's options for a login. */
export function clientOptions(
  login: CassandraLogin,
  options: ConnectOptions = {},
): cassandra.DseClientOptions {
  const { tls, username } = login;
  const { policies, types, auth } = cassandra;
  return {
    applicationName: options.applicationName ?? "candlewire",
    contactPoints: login.contactPoints.map((host) => withPort(host, login.port)),
    localDataCenter: login.localDataCenter,
    keyspace: options.useKeyspace === false ? undefined : login.keyspace,
    authProvider: username === null
      ? undefined
      : new auth.PlainTextAuthProvider(username, options.secrets?.cassandraPassword ?? ""),
    // The driver's own default accepts any certificate.
    sslOptions: tls === null ? undefined : {
      ca: tls.ca ?? undefined,
      cert: tls.certificate ?? undefined,
      key: options.secrets?.cassandraKey,
      servername: tls.serverName ?? undefined,
      rejectUnauthorized: true,
    },
    // What the request encoder of the store speaks.
    protocolOptions: { port: login.port, maxVersion: types.protocolVersion.v4 },
    policies: {
      loadBalancing: new policies.loadBalancing.TokenAwarePolicy(
        new policies.loadBalancing.DCAwareRoundRobinPolicy(login.localDataCenter),
      ),
      speculativeExecution: new policies.speculativeExecution.NoSpeculativeExecutionPolicy(),
      retry: new CassandraRetryPolicy(),
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(500, 15_000, false),
    },
    pooling: {
      coreConnectionsPerHost: { [types.distance.local]: 1, [types.distance.remote]: 1 },
      heartBeatInterval: 15_000,
    },
    socketOptions: {
      connectTimeout: login.connectTimeoutMs,
      readTimeout: login.requestTimeoutMs,
      coalescingThreshold: 65_536,
    },
    queryOptions: {
      prepare: true,
      consistency: types.consistencies[levelName(login.consistency.read)],
      fetchSize: 1000,
    },
    maxPrepared: 500,
    monitorReporting: { enabled: false },
  };
}

/** The driver's number of a level by Cassandra's name. */
export function consistencyOf(level: CassandraLogin["consistency"]["write"]): number {
  return cassandra.types.consistencies[levelName(level)];
}

/**
 * `address:port` of every node of the cluster as the driver will dial them: what a sandboxed module must be granted.
 * Contact points that are names are resolved here; a module is best given these addresses as its contact points, so that
 * it needs no name service.
 */
export async function discoverNodes(
  login: CassandraLogin,
  options: Omit<ConnectOptions, "useKeyspace"> = {},
): Promise<string[]> {
  const client = await connectCassandra(login, { ...options, useKeyspace: false });
  try {
    return client.getState().getConnectedHosts().length === 0 ? [] : [...client.hosts.keys()].sort();
  } finally {
    await client.shutdown();
  }
}

type LevelName = "one" | "two" | "three" | "quorum" | "all" | "localQuorum" | "eachQuorum" | "localOne";

/** LOCAL_QUORUM → localQuorum. */
function levelName(level: string): LevelName {
  return level.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) as LevelName;
}

function withPort(host: string, port: number): string {
  if (/^\[.*\]:\d+$/.test(host) || /^[^:]+:\d+$/.test(host)) return host;
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}
