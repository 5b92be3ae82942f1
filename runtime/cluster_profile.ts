import topicsSpec from "../schema/kafka/topics.json" with { type: "json" };
import { builtInModule, CLUSTER_YOUNG_MB } from "./built_in_module.ts";
import { discoverNodes } from "./cassandra/client_cassandra.ts";
import { migrateCassandra } from "./cassandra/migrate_cassandra.ts";
import { cassandraLogin, kafkaLogin } from "./cluster_login.ts";
import type { Config } from "./config.ts";
import { type ConnectorKeeper, keepConnector } from "./connect/registrar.ts";
import { KafkaLog } from "./consumer/log/kafka.ts";
import type { JournalFigures } from "./control/pipeline.ts";
import type { Probe } from "./control/probe.ts";
import { adviceText, CandlewireError } from "./error.ts";
import type { BuiltInModule } from "./host/host.ts";
import { createKafka } from "./kafka/client_kafka.ts";
import { readLogOrigin, settleLogOrigin } from "./kafka/origin_kafka.ts";
import { discoverBrokers, ensureTopics } from "./kafka/topics_kafka.ts";
import type { Origin } from "./market/origin.ts";
import type { Profile, ProfileContext } from "./profile.ts";
import { CassandraMarketQuery } from "./query/cassandra.ts";
import { wait } from "./wait.ts";

/** Compacted, one partition: capture's position by slot, and the log's origin. */
const POSITION_TOPIC = "binance.candlewire.capture";
const CHANGE_TOPICS = topicsSpec.topics.filter(({ kind }) => kind === "changes").map(({ name }) => name);
/** How often a server that does not answer is asked again while the host starts. */
const RETRY_MS = 1_000;

type Waiting = { print: (line: string) => void; signal: AbortSignal };

/**
 * The cluster profile: Debezium in Kafka Connect, or our own capture, writes Kafka; consumers read their share of it
 * into Cassandra. Servers that do not answer yet are waited for, with a word why; what is wrong with them in a way that
 * time does not mend rejects.
 */
export async function openCluster(context: ProfileContext): Promise<Profile> {
  const { config, origin, roles, print } = context;
  const kafka = await kafkaLogin(config);
  const cassandra = await cassandraLogin(config);
  const client = createKafka(kafka.login, { clientId: "candlewire-host", secrets: kafka.secrets });
  await waitFor(`Kafka at ${kafka.login.brokers.join(", ")}`, context, async () => {
    const { created, notices } = await ensureTopics(client, topicsSpec, {
      partitionsPerTopic: config.capture.partitions,
      ...config.kafka,
    });
    if (created.length > 0) print(`Created topics ${created.join(", ")}`);
    for (const notice of notices) print(`warn: ${notice}`);
    await settleLogOrigin(client, POSITION_TOPIC, origin);
  });
  const { contactPoints, port } = cassandra.login;
  await waitFor(
    `Cassandra at ${contactPoints.join(", ")} port ${port}`,
    context,
    () =>
      migrateCassandra(cassandra.login, {
        config: config.cassandra,
        origin,
        secrets: cassandra.secrets,
        print,
      }),
  );
  const brokers = await waitFor("Kafka's brokers", context, () => discoverBrokers(client));
  const nodes = await waitFor(
    "Cassandra's nodes",
    context,
    () => discoverNodes(cassandra.login, { secrets: cassandra.secrets }),
  );

  await using stack = new AsyncDisposableStack();
  const query = stack.use(
    new CassandraMarketQuery(cassandra.login, cassandra.secrets, {
      retention: config.consumer.expire ? config.consumer.retention : {},
    }),
  );
  const log = stack.use(
    new KafkaLog(kafka.login, {
      // Never joined: this reader looks at watermarks and single records.
      group: `${config.consumer.group}-host`,
      clientId: "candlewire-host",
      secrets: kafka.secrets,
      topics: CHANGE_TOPICS,
    }),
  );
  const references = {
    kafka: [...new Set([...kafka.login.brokers, ...brokers])],
    cassandra: nodes,
    "folder.journal": [],
    "folder.store": [],
  };
  // Addresses instead of names: a module may not ask a name service.
  const nodeLogin = { ...cassandra.login, contactPoints: nodes.map((node) => node.replace(/:\d+$/, "")) };
  const modules: BuiltInModule[] = [];
  const keepers: Profile["keepers"] = {};
  let captureProbe: Probe | undefined;
  if (roles.includes("capture")) {
    const endpoint = context.endpoint!;
    if (config.capture.engine === "debezium") {
      let keeper: ConnectorKeeper | undefined;
      keepers.capture = async () => {
        keeper = keepConnector({
          connect: config.connect,
          capture: config.capture,
          postgres: endpoint,
          report: (level, message) => print(`${level}: ${message}`),
        });
        return keeper;
      };
      captureProbe = () =>
        keeper?.probe() ?? Promise.resolve({ state: "starting", detail: "Waiting for the lease of capture" });
    } else {
      modules.push(builtInModule("capture", {
        youngGenerationMb: CLUSTER_YOUNG_MB,
        parameters: {
          ...config.capture,
          postgres: {
            host: endpoint.host,
            port: endpoint.port,
            database: endpoint.database,
            user: "candlewire_capture",
          },
          sink: { kind: "kafka", login: kafka.login, positionTopic: POSITION_TOPIC },
        },
        secrets: { postgresPassword: context.capturePassword!, ...kafka.secrets },
        references: { ...references, postgres: `${endpoint.host}:${endpoint.port}` },
      }));
    }
  }
  if (roles.includes("consumer")) {
    for (let instance = 1; instance <= config.instances; instance++) {
      modules.push(builtInModule("consumer", {
        youngGenerationMb: CLUSTER_YOUNG_MB,
        name: instance === 1 ? "consumer" : `consumer-${instance}`,
        parameters: {
          ...config.consumer,
          // Recorded times that are kept lie long past every retention.
          expire: config.consumer.expire && !config.exchange.market.originalTimes,
          log: { kind: "kafka", login: kafka.login, group: config.consumer.group },
          store: { kind: "cassandra", login: nodeLogin },
          transforms: [],
        },
        secrets: { ...kafka.secrets, ...cassandra.secrets },
        references,
      }));
    }
  }
  const opened = stack.move();
  return {
    modules,
    query,
    readLog: (range) => log.read(range),
    probes: {
      capture: captureProbe,
      journal: async (): Promise<JournalFigures> => {
        const topics = await log.watermarks();
        assertTopics(topics);
        return { topics };
      },
    },
    folders: {},
    keepers,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/**
 * Whose numbers the log holds, for a host that has neither source nor database: said by the host that has. Waits for
 * it.
 */
export async function waitForOrigin(config: Config, options: Waiting): Promise<Origin> {
  const { login, secrets } = await kafkaLogin(config);
  const kafka = createKafka(login, { clientId: "candlewire-host", secrets });
  return await waitFor(`an origin in Kafka at ${login.brokers.join(", ")}`, options, async () => {
    const origin = await readLogOrigin(kafka, POSITION_TOPIC);
    if (origin !== undefined) return origin;
    throw new CandlewireError("log.no_origin", "Read the log's origin: nothing is written there yet", {
      retry: "retry",
      hint: "Start the host with the producer: it says whose numbers these are",
    });
  });
}

/** A topic that somebody deleted: consumers go on with the others, so that nothing else would say it. */
function assertTopics(found: readonly { topic: string }[]): void {
  const there = new Set(found.map(({ topic }) => topic));
  const missing = CHANGE_TOPICS.filter((topic) => !there.has(topic));
  if (missing.length === 0) return;
  throw new CandlewireError("log.topic_missing", `Look at Kafka's topics: missing ${missing.join(", ")}`, {
    retry: "operator",
    hint:
      "Start the host again, which creates them. Records that nobody had read are gone; drop the replication slot, and the tables are read again",
  });
}

/** Tries until it works; tells once why it does not, and again when the reason changes. */
async function waitFor<T>(what: string, { print, signal }: Waiting, work: () => Promise<T>): Promise<T> {
  let told = "";
  while (true) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CandlewireError) || error.retry !== "retry") throw error;
      const why = `Waiting for ${what}: ${adviceText(error)}`;
      if (told === "") print(`${why}. Without servers of your own: deno task stack up`);
      else if (why !== told) print(why);
      told = why;
    }
    await wait(RETRY_MS, signal);
  }
}
