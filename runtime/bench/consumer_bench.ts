import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "cassandra-driver";
import { builtInModule, CLUSTER_YOUNG_MB, ROOT } from "../built_in_module.ts";
import { KafkaProducer } from "../capture/sink/kafka_producer.ts";
import { connectCassandra, discoverNodes } from "../cassandra/client_cassandra.ts";
import type { CassandraLogin } from "../cassandra/login.ts";
import { migrateCassandra } from "../cassandra/migrate_cassandra.ts";
import { consumerConfigSchema } from "../consumer/config.ts";
import { createModuleHost, type OwnedModuleHost } from "../host/host.ts";
import { createKafka } from "../kafka/client_kafka.ts";
import { createTopics } from "../kafka/create_topics_kafka.ts";
import type { KafkaLogin } from "../kafka/login.ts";
import { type TableName, TABLES } from "../market/table.ts";
import { bareLoop } from "./bare_loop_cassandra.ts";
import { costOf, costOfTree, quantile } from "./process_cost.ts";

/** What the bench runs against and how long. */
export type ConsumerBenchOptions = {
  kafka: string[];
  cassandra: { contactPoints: string[]; port: number; localDataCenter: string };
  /** Cassandra's process, whose CPU is told beside; none without it. */
  cassandraPid?: number;
  rounds: number;
  /** Trades in the topics; some of the other tables come on top. */
  trades: number;
  /** How many instances share the work, one figure each. */
  instances?: number[];
  /** Settings of the consumer that differ from its defaults. */
  settings?: Record<string, unknown>;
  /** Whether the bare loop of the driver runs beside. Default true. */
  ceiling?: boolean;
  progress?: (text: string) => void;
};

/** One row as it lies in a topic. */
export type BenchRow = { table: TableName; after: Record<string, unknown> };

/** What a ceiling answers with. */
export type CeilingFigures = { rows: number; seconds: number; cpuSeconds: number; rssBytes: number };

/** One contender's figures of one round. CPU is µs a row; `missing`: rows sent less rows stored. */
export type ConsumerRound = {
  contender: string;
  rowsPerSecond: number;
  cpu: number;
  cassandraCpu: number;
  rssMb: number;
  missing: number;
};

const PARTITIONS = 4;
const SYMBOLS = Array.from({ length: 20 }, (_, at) => `BENCH${String.fromCharCode(65 + at)}USDT`);
const ORIGIN = { kind: "exchange", id: "bench", label: "bench" } as const;
/** Trades of one symbol lie this far apart, ms: 20 symbols of 20 trades a second each. */
const STEP_MS = 50;
const LEVELS = JSON.stringify(
  Array.from({ length: 100 }, (_, at) => [`6${1000 - at}.12000000`, `0.${10_000_000 + at}`]),
);

/**
 * The consumer as real module processes, 1, 2 and 3 of them in one group, beside a bare loop of the driver on the same
 * rows: Kafka → decode → transforms → rows, windows, index and lineage → Cassandra. Interleaved; with one instance it
 * runs twice a round: A/A. Measured from the first row stored to the last: starting and joining the group is aside.
 */
export async function consumerBench(options: ConsumerBenchOptions): Promise<ConsumerRound[]> {
  const { progress = () => {}, instances = [1, 2, 3] } = options;
  const run = crypto.randomUUID().slice(0, 8);
  const prefix = `bench-${run}.`;
  const kafkaLogin: KafkaLogin = {
    brokers: options.kafka,
    tls: null,
    sasl: null,
    connectTimeoutMs: 5000,
    requestTimeoutMs: 30_000,
  };
  const login: CassandraLogin = {
    ...options.cassandra,
    keyspace: `bench_${run}`,
    tls: null,
    username: null,
    consistency: { write: "LOCAL_QUORUM", read: "LOCAL_ONE", tables: {} },
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 12_000,
  };
  const kafka = createKafka(kafkaLogin, { clientId: "bench" });
  const admin = kafka.admin();
  const topics = TABLES.map((table) => prefix + table);
  const client = await connectCassandra(login, { useKeyspace: false });
  const results: ConsumerRound[] = [];
  try {
    await admin.connect();
    await createTopics(
      admin,
      topics.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 })),
    );
    await migrateCassandra(login, {
      config: { replication: { [login.localDataCenter]: 1 } },
      origin: ORIGIN,
    });
    const rows = benchRows(options.trades);
    progress(`filling topics with ${rows.length} envelopes`);
    await using producer = new KafkaProducer(kafka);
    for (let at = 0; at < rows.length; at += 5000) {
      await producer.send(
        rows.slice(at, at + 5000).map(({ table, after }, index) => ({
          topic: prefix + table,
          key: JSON.stringify({ symbol: after.symbol }),
          value: envelopeText(table, after, at + index),
        })),
      );
    }
    const contenders = [
      ...(options.ceiling === false ? [] : ["ceiling"]),
      ...instances.map((count) => `${count} instance${count === 1 ? "" : "s"}`),
      "1 instance again",
    ];
    for (let round = 0; round < options.rounds; round++) {
      for (const contender of contenders) {
        progress(`round ${round + 1} of ${options.rounds}: ${contender}`);
        await truncate(client, login.keyspace);
        const cassandraBefore = cassandraCpu(options);
        const figures = contender === "ceiling"
          ? await bareLoop(rows, login)
          : await consume(Number.parseInt(contender), rows.length, {
            ...options,
            kafkaLogin,
            login,
            prefix,
            group: `bench-${run}-${round}-${contender.replaceAll(" ", "-")}`,
          });
        const result = {
          contender,
          rowsPerSecond: figures.rows / figures.seconds,
          cpu: figures.cpuSeconds / figures.rows * 1e6,
          cassandraCpu: (cassandraCpu(options) - cassandraBefore) / rows.length * 1e6,
          rssMb: figures.rssBytes / 1e6,
          missing: rows.length - await countRows(client, login.keyspace),
        };
        progress(JSON.stringify(result));
        results.push(result);
      }
    }
  } finally {
    await admin.deleteTopics({ topics }).catch(() => {});
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    await admin.deleteGroups(groups.filter((group) => group.startsWith(`bench-${run}-`))).catch(() => {});
    await admin.disconnect();
    await client.execute(`DROP KEYSPACE IF EXISTS ${login.keyspace}`, [], {
      prepare: false,
      readTimeout: 60_000,
    });
    await client.shutdown();
  }
  return results;
}

type ConsumeOptions = ConsumerBenchOptions & {
  kafkaLogin: KafkaLogin;
  login: CassandraLogin;
  prefix: string;
  group: string;
};

/** Starts instances on the whole backlog and waits until every record is accounted for. */
async function consume(count: number, records: number, options: ConsumeOptions): Promise<CeilingFigures> {
  const folder = await mkdtemp(join(tmpdir(), "candlewire-bench-"));
  const names = Array.from({ length: count }, (_, at) => at === 0 ? "consumer" : `consumer-${at + 1}`);
  let host: OwnedModuleHost | undefined;
  try {
    const nodes = await discoverNodes(options.login);
    host = await createModuleHost({
      dataFolder: folder,
      origin: ORIGIN,
      root: ROOT,
      modules: names.map((name) =>
        builtInModule("consumer", {
          name,
          youngGenerationMb: CLUSTER_YOUNG_MB,
          parameters: {
            ...consumerConfigSchema.parse(options.settings ?? {}),
            log: {
              kind: "kafka",
              login: options.kafkaLogin,
              group: options.group,
              topicPrefix: options.prefix,
            },
            store: { kind: "cassandra", login: options.login },
            transforms: [],
          },
          references: { kafka: options.kafka, cassandra: nodes, "folder.journal": [], "folder.store": [] },
        })
      ),
    });
    const running = host;
    running.onLog(({ level, module, message, fields }) => {
      if (level !== "error" && level !== "warn") return;
      options.progress?.(`${module}: ${message} ${JSON.stringify(fields ?? {})}`);
    });
    await running.startAll();
    const read = async () => {
      let total = 0;
      for (const name of names) {
        total += ((await running.call(name, "account", {})) as { read: number }).read;
      }
      return total;
    };
    const cost = () => {
      let cpuSeconds = 0;
      let rssBytes = 0;
      for (const name of names) {
        const one = costOf(running.module(name)?.pid ?? -1);
        cpuSeconds += one.cpuSeconds;
        rssBytes += one.rssBytes;
      }
      return { cpuSeconds, rssBytes };
    };
    const deadline = performance.now() + 300_000;
    let first = 0;
    let now = 0;
    const wait = async (enough: (now: number) => boolean) => {
      while (!enough(now)) {
        if (performance.now() > deadline) throw new Error(`${now} of ${records} records after 5 minutes`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        now = await read();
      }
    };
    await wait((now) => now > 0);
    first = now;
    const started = performance.now();
    const before = cost();
    await wait((now) => now >= records);
    // Several that join one after the other read some records twice: what counts is that none is left.
    const left = async () => {
      let total = 0;
      for (const name of names) {
        const positions = await running.call(name, "positions", {}) as { position: number; high: number }[];
        total += positions.reduce((sum, { position, high }) => sum + high - position, 0);
      }
      return total;
    };
    while (await left() > 0) {
      if (performance.now() > deadline) throw new Error(`${await left()} records left after 5 minutes`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const seconds = (performance.now() - started) / 1000;
    const after = cost();
    return {
      rows: records - first,
      seconds,
      cpuSeconds: after.cpuSeconds - before.cpuSeconds,
      rssBytes: after.rssBytes,
    };
  } finally {
    await host?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Trades of 20 symbols in turn, and of the other tables what a live market has beside them. */
function benchRows(trades: number): BenchRow[] {
  const start = Math.floor(Date.now() / 60_000) * 60_000 - Math.ceil(trades / SYMBOLS.length) * STEP_MS;
  const rows: BenchRow[] = [];
  for (let id = 0; id < trades; id++) {
    const symbol = SYMBOLS[id % SYMBOLS.length]!;
    const time = start + Math.floor(id / SYMBOLS.length) * STEP_MS;
    const at = new Date(time).toISOString();
    const price = (61_000 + Math.sin(id / 5000) * 300).toFixed(8);
    const version = time * 1000;
    rows.push({
      table: "recent_trades",
      after: {
        symbol,
        trade_id: 3_000_000_000 + id,
        price,
        quantity: `0.${String(10_000_000 + id * 37 % 89_999_999)}`,
        trade_time: at,
        is_buyer_maker: id % 3 === 0,
        backfill: false,
      },
    });
    const turn = Math.floor(id / SYMBOLS.length);
    if (turn % 20 === 0) {
      rows.push({
        table: "latest_prices",
        after: { symbol, price, updated_at: at, last_trade_id: 3_000_000_000 + id, version },
      });
    }
    if (turn % 200 === 100) {
      rows.push({
        table: "order_book",
        after: {
          symbol,
          bids: LEVELS,
          asks: LEVELS,
          depth: 100,
          last_update_id: id,
          trusted: true,
          updated_at: at,
          version,
        },
      });
    }
  }
  return rows;
}

/** The envelope as Debezium writes it. */
function envelopeText(table: TableName, after: Record<string, unknown>, at: number): string {
  const now = Date.now();
  return JSON.stringify({
    before: null,
    after,
    source: {
      version: "3.6.3.Final",
      connector: "postgresql",
      name: "binance",
      ts_ms: now,
      snapshot: "false",
      db: "candlewire",
      sequence: `["${22_330_000 + at}","${22_330_100 + at}"]`,
      ts_us: now * 1000 + 123,
      ts_ns: (now * 1000 + 123) * 1000,
      schema: "public",
      table,
      txId: 1000 + Math.floor(at / 100),
      lsn: 22_330_100 + at,
      xmin: null,
    },
    transaction: null,
    op: "c",
    ts_ms: now + 5,
    ts_us: (now + 5) * 1000 + 77,
    ts_ns: ((now + 5) * 1000 + 77) * 1000,
  });
}

async function truncate(client: Client, keyspace: string): Promise<void> {
  const { rows } = await client.execute(
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?",
    [keyspace],
    { prepare: true },
  );
  for (const { table_name } of rows) {
    if (["origin", "schema_migrations", "locks"].includes(table_name)) continue;
    await client.execute(`TRUNCATE ${keyspace}.${table_name}`, [], { prepare: false, readTimeout: 60_000 });
  }
}

/** Rows in the tables that the bench writes, counted a symbol at a time. */
async function countRows(client: Client, keyspace: string): Promise<number> {
  let total = 0;
  for (const table of ["recent_trades", "latest_prices", "order_book"]) {
    for (const symbol of SYMBOLS) {
      const { rows } = await client.execute(
        `SELECT count(*) AS rows FROM ${keyspace}.${table} WHERE symbol = ?`,
        [symbol],
        { prepare: true, readTimeout: 60_000 },
      );
      total += Number(rows[0]!.rows);
    }
  }
  return total;
}

function cassandraCpu({ cassandraPid }: ConsumerBenchOptions): number {
  return cassandraPid === undefined ? 0 : costOfTree(cassandraPid).cpuSeconds;
}

/** The figures as a table, medians with the range, and the rows that are missing. */
export function consumerTable(results: ConsumerRound[]): string {
  const lines = [
    "| contender | rows/s (range) | CPU, µs a row | Cassandra CPU, µs a row | memory, MB | of the ceiling | rows missing |",
    "| --- | --- | --- | --- | --- | --- | --- |",
  ];
  const of = (contender: string, pick: (round: ConsumerRound) => number) =>
    results.filter((round) => round.contender === contender).map(pick).sort((a, b) => a - b);
  const median = (values: number[]) => quantile(values, 0.5);
  const ceiling = median(of("ceiling", ({ rowsPerSecond }) => rowsPerSecond));
  for (const contender of new Set(results.map(({ contender }) => contender))) {
    const rates = of(contender, ({ rowsPerSecond }) => rowsPerSecond);
    lines.push(
      `| ${contender} | ${median(rates).toFixed(0)} (${rates[0]!.toFixed(0)} to ${
        rates.at(-1)!.toFixed(0)
      }) | ` +
        `${median(of(contender, ({ cpu }) => cpu)).toFixed(1)} | ${
          median(of(contender, ({ cassandraCpu }) => cassandraCpu)).toFixed(1)
        } | ${median(of(contender, ({ rssMb }) => rssMb)).toFixed(0)} | ` +
        `${Number.isNaN(ceiling) ? "" : (median(rates) / ceiling).toFixed(2)} | ${
          of(contender, ({ missing }) => missing).join(" ")
        } |`,
    );
  }
  return lines.join("\n");
}
