import { setTimeout as delay } from "node:timers/promises";
import { CLUSTER_YOUNG_MB } from "../built_in_module.ts";
import { captureConfig } from "../capture/config.ts";
import { connectConfig } from "../connect/config.ts";
import { connectorSettings } from "../connect/connector_settings.ts";
import { KafkaCluster } from "../kafka/cluster_kafka.ts";
import { decodeBatch } from "../kafka/record_batch.ts";
import { CapturedPostgres, ORIGIN } from "../tests/captured_postgres.ts";
import { KafkaTopics } from "../tests/kafka_topics.ts";
import { costOf, costOfTree, quantile } from "./process_cost.ts";

/** What the bench runs against and how long. The servers are those of a test stack, with nobody else on them. */
export type CaptureBenchOptions = {
  kafka: string[];
  /** Connect's REST address, and its process, whose CPU and memory are Debezium's. */
  connect: string;
  connectPid: number;
  /** The broker's process; its CPU is told beside. */
  kafkaPid: number;
  rounds: number;
  /** Rows of a backlog. */
  rows: number;
  /** Length of a latency run, at 200 commits a second. */
  seconds: number;
  progress?: (text: string) => void;
};

/** One contender's figures of one round. CPU is µs a row. */
export type CaptureRound = {
  contender: string;
  rowsPerSecond: number;
  cpu: number;
  postgresCpu: number;
  kafkaCpu: number;
  p50Ms: number;
  p99Ms: number;
  rssMb: number;
};

/** Who captures: begins where it stopped, and stops. */
type Contender = { name: string; topic: string; pid: number; start(): Promise<void>; stop(): Promise<void> };

/** Seconds: of the clock, and of processor time of the contender and of the servers. */
type Cost = { wall: number; process: number; postgres: number; kafka: number };

const minus = (a: Cost, b: Cost): Cost => ({
  wall: a.wall - b.wall,
  process: a.process - b.process,
  postgres: a.postgres - b.postgres,
  kafka: a.kafka - b.kafka,
});

const NOTHING = { rowsPerSecond: NaN, cpu: NaN, postgresCpu: NaN, kafkaCpu: NaN, rssMb: NaN };
const PASSWORD = "c";
const TABLE = "bench_rows";
const PARTITIONS = 4;
const COMMITS_PER_SECOND = 200;
/** Debezium's and its producer's own defaults for what our template tunes. */
const DEFAULTS = {
  "poll.interval.ms": "500",
  "max.batch.size": "2048",
  "max.queue.size": "8192",
  "max.queue.size.in.bytes": "0",
  "producer.override.linger.ms": "0",
  "producer.override.batch.size": "16384",
  "producer.override.buffer.memory": "33554432",
};

/**
 * Capture of our own and Debezium in Connect, default and tuned, in turn on the same rows of one PostgreSQL into the same
 * Kafka. Each round: single-row commits at an even pace for each, alone, then a backlog for each, alone and warm (the
 * first round warms and is thrown away; what a start takes is subtracted). Ours runs twice a round: A/A. A row's time is from commit (the envelope's `source.ts_us`) to the
 * broker's log append time. Rows are counted in the topic: a run with a missing or doubled row fails.
 */
export async function captureBench(options: CaptureBenchOptions): Promise<CaptureRound[]> {
  const { progress = () => {} } = options;
  await using postgres = await CapturedPostgres.start();
  await using topics = await KafkaTopics.create({ brokers: options.kafka });
  await using cluster = new KafkaCluster(topics.kafka);
  await postgres.owner.query(
    `CREATE TABLE ${TABLE} (symbol text, trade_id bigint, price numeric NOT NULL, quantity numeric NOT NULL,
       trade_time timestamptz(3) NOT NULL, is_buyer_maker boolean NOT NULL, backfill boolean NOT NULL,
       PRIMARY KEY (symbol, trade_id))`,
  );
  await postgres.publish(TABLE);
  await using stack = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  for (const name of ["candlewire", "candlewire again", "debezium tuned", "debezium default"]) {
    const prefix = `c${contenders.length}`;
    const topic = `${prefix}.public.${TABLE}`;
    // Long messages of the broker's time, as schema/kafka has it.
    await topics.make(topic, {
      partitions: PARTITIONS,
      config: { "message.timestamp.type": "LogAppendTime" },
    });
    const parts = { postgres, topics, topicPrefix: topics.name(prefix), slot: `bench_${prefix}` };
    const contender = name.startsWith("debezium")
      ? await debezium(name, options, { ...parts, tuned: name === "debezium tuned" })
      : await ours(name, parts);
    contenders.push({ ...contender, topic });
    stack.defer(() => contender.close());
  }
  let nextId = 1;
  const insert = async (rows: number, perTransaction: number) => {
    const sql = `INSERT INTO ${TABLE}
      SELECT 'SYM' || (i % 20) || 'USDT', i, (20000 + i % 5000)::numeric / 7, (1 + i % 900)::numeric / 1000, now(), i % 2 = 0, false
      FROM generate_series($1::bigint, $2::bigint) i`;
    for (let at = 0; at < rows; at += perTransaction) {
      await postgres.owner.query(sql, [nextId, nextId + perTransaction - 1]);
      nextId += perTransaction;
    }
  };
  /** Waits until a topic has that many records in all; returns when that was. */
  const reach = async (topic: string, count: number, everyMs: number) => {
    const deadline = performance.now() + 180_000;
    for (;;) {
      const high = await highOf(cluster, topics.name(topic));
      if (high >= count) return performance.now();
      if (performance.now() > deadline) throw new Error(`${topic}: only ${high} of ${count} records came`);
      await delay(everyMs);
    }
  };

  const cost = (pid: number): Cost => ({
    wall: performance.now() / 1000,
    process: costOf(pid).cpuSeconds,
    postgres: costOfTree(postgres.server.pid).cpuSeconds,
    kafka: costOf(options.kafkaPid).cpuSeconds,
  });
  const results: CaptureRound[] = [];
  // Slots first: each begins with a row of its own time, and from then on has all.
  const missed = new Map<string, number>();
  for (const { topic, start } of contenders) {
    await start();
    for (let tries = 0; await highOf(cluster, topics.name(topic)) === 0; tries++) {
      if (tries === 150) throw new Error(`${topic}: nothing comes`);
      await insert(1, 1);
      await delay(200);
    }
  }
  await delay(2000);
  for (const { topic, stop } of contenders) {
    missed.set(topic, nextId - 1 - await highOf(cluster, topics.name(topic)));
    await stop();
  }
  for (let round = 0; round <= options.rounds; round++) {
    const measured = new Map<string, CaptureRound>();
    // The order turns, so that nobody always comes first.
    const order = contenders.map((_, i) => contenders[(i + round) % contenders.length]!);
    const starts = new Map<string, Cost>();
    for (const { name, topic, pid, start, stop } of order) {
      const due = () => nextId - 1 - missed.get(topic)!;
      await insert(1, 1);
      const from = cost(pid);
      await start();
      await reach(topic, due(), 2);
      starts.set(name, minus(cost(pid), from));
      const begin = await ends(cluster, topics.name(topic));
      const startedAt = performance.now();
      const commits = options.seconds * COMMITS_PER_SECOND;
      for (let n = 0; n < commits; n++) {
        const wait = startedAt + n * 1000 / COMMITS_PER_SECOND - performance.now();
        if (wait > 0) await delay(wait);
        await insert(1, 1);
      }
      await reach(topic, due(), 20);
      await stop();
      const times = await latencies(cluster, topics.name(topic), begin);
      if (times.length !== commits) throw new Error(`${name}: ${times.length} records of ${commits} commits`);
      const [p50Ms, p99Ms] = [quantile(times, 0.5), quantile(times, 0.99)];
      measured.set(name, { contender: name, ...NOTHING, p50Ms, p99Ms });
      progress(`round ${round} ${name}: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`);
    }
    await insert(options.rows, 100);
    for (const { name, topic, pid, start, stop } of order) {
      const from = cost(pid);
      const rows = nextId - 1 - missed.get(topic)! - await highOf(cluster, topics.name(topic));
      await start();
      await reach(topic, nextId - 1 - missed.get(topic)!, 25);
      // What a start takes is not the rows': it was measured on one row. What others queue at a start, though, is.
      const used = minus(minus(cost(pid), from), starts.get(name)!);
      const figures = measured.get(name)!;
      figures.rowsPerSecond = rows / used.wall;
      figures.cpu = used.process * 1e6 / rows;
      figures.postgresCpu = used.postgres * 1e6 / rows;
      figures.kafkaCpu = used.kafka * 1e6 / rows;
      figures.rssMb = costOf(pid).rssBytes / 1e6;
      await stop();
      progress(
        `round ${round} ${name}: ${Math.round(figures.rowsPerSecond)} rows/s, ${
          figures.cpu.toFixed(1)
        } µs CPU a row`,
      );
    }
    if (round > 0) results.push(...measured.values());
  }
  return results;
}

async function ours(
  name: string,
  parts: { postgres: CapturedPostgres; topics: KafkaTopics; topicPrefix: string; slot: string },
) {
  const { postgres, topics, topicPrefix, slot } = parts;
  const { host, port } = postgres.server;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--cached-only", "--no-remote", "--ignore-env", "--no-check"],
      ...["--config", new URL("../../deno.json", import.meta.url).pathname],
      // As the host starts modules: host/spawn.ts.
      `--v8-flags=--max-old-space-size=200,--max-semi-space-size=${CLUSTER_YOUNG_MB}`,
      `--allow-net=${[`${host}:${port}`, ...topics.login.brokers].join(",")}`,
      new URL("./capture_child.ts", import.meta.url).pathname,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const answers = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const say = (line: string) => writer.write(new TextEncoder().encode(`${line}\n`));
  const parameters = {
    ...postgres.parameters("", { slot, topicPrefix, snapshotMode: "no_data" }),
    sink: { kind: "kafka", login: topics.login, positionTopic: topics.name("position") },
  };
  await say(JSON.stringify({ parameters, origin: ORIGIN, password: PASSWORD }));
  const tell = async (line: string) => {
    await say(line);
    await answers.read();
  };
  return {
    name,
    pid: child.pid,
    start: () => tell("start"),
    stop: () => tell("stop"),
    async close() {
      await writer.close();
      await child.status;
    },
  };
}

async function debezium(
  name: string,
  options: CaptureBenchOptions,
  parts: {
    postgres: CapturedPostgres;
    topics: KafkaTopics;
    topicPrefix: string;
    slot: string;
    tuned: boolean;
  },
) {
  const { postgres, topics, topicPrefix, slot, tuned } = parts;
  const connector = `${topics.prefix}-${slot}`;
  const settings = {
    ...connectorSettings({
      capture: captureConfig.parse({ slot, topicPrefix, snapshotMode: "no_data" }),
      connect: connectConfig.parse({ settings: tuned ? {} : DEFAULTS }),
      postgres: postgres.server,
      tables: [{ schema: "public", table: TABLE, columns: ["symbol", "trade_id"] }],
    }),
    "database.password": PASSWORD,
    // Its heartbeats are no part of what is measured, and their topic is not made here.
    "heartbeat.interval.ms": "0",
  };
  const call = async (path: string, method: string, body?: unknown) => {
    const response = await fetch(`${options.connect}/connectors/${connector}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const settled = async (state: string) => {
    for (let tries = 0;; tries++) {
      const status = await call("/status", "GET").catch(() => undefined);
      const states = [
        status?.connector?.state,
        ...(status?.tasks ?? []).map((task: { state: string }) => task.state),
      ];
      if (states.length === 2 && states.every((one) => one === state)) return;
      if (tries > 600 || states.includes("FAILED")) {
        throw new Error(`${connector}: ${JSON.stringify(status)}`);
      }
      await delay(100);
    }
  };
  await call("/config", "PUT", settings);
  await settled("RUNNING");
  return {
    name,
    pid: options.connectPid,
    start: () => call("/resume", "PUT").then(() => settled("RUNNING")),
    async stop() {
      await call("/pause", "PUT");
      await settled("PAUSED");
      // The task lets go of the slot a while after.
      for (let tries = 0; tries < 300; tries++) {
        const { rows } = await postgres.owner.query(
          "SELECT active FROM pg_replication_slots WHERE slot_name = $1",
          [slot],
        );
        if (rows[0]?.active === false) return;
        await delay(50);
      }
    },
    close: () => call("", "DELETE"),
  };
}

async function ends(cluster: KafkaCluster, topic: string): Promise<number[]> {
  return (await cluster.watermarks([topic])).sort((a, b) => a.partition - b.partition).map(({ high }) =>
    high
  );
}

async function highOf(cluster: KafkaCluster, topic: string): Promise<number> {
  return (await ends(cluster, topic)).reduce((sum, high) => sum + high, 0);
}

/** From commit to log append in ms, sorted, of the records from some offsets on. */
async function latencies(cluster: KafkaCluster, topic: string, begin: readonly number[]): Promise<number[]> {
  const times: number[] = [];
  for (const [partition, high] of (await ends(cluster, topic)).entries()) {
    for (let offset = begin[partition] ?? 0; offset < high;) {
      const batches = await cluster.fetch({ topic, partition, offset }, {
        maxBytes: 4 << 20,
        maxWaitMs: 500,
      });
      for (const batch of batches) {
        for (const { timestamp, value } of decodeBatch(batch, offset)) {
          const { source } = JSON.parse(value!) as { source: { ts_us: number } };
          // The broker's clock shows whole ms: in the middle of one, on average.
          times.push(timestamp + 0.5 - source.ts_us / 1000);
        }
        offset = Math.max(offset, batch.last + 1);
      }
    }
  }
  return times.sort((a, b) => a - b);
}
