import { captureBench, type CaptureRound } from "./capture_bench.ts";
import { consumerBench, consumerTable } from "./consumer_bench.ts";
import { latencyBench, type LatencyStore } from "./latency.ts";
import { quantile } from "./process_cost.ts";
import { startTestStack } from "../tests/start_test_stack.ts";
import {
  cassandraClient,
  type ClusterNames,
  clusterNames,
  type ClusterServers,
  clusterServers,
  clusterSettings,
  emptyServers,
} from "../tests/cluster/servers.ts";

/** What is measured on the real servers. */
export const CLUSTER_BENCHES = ["capture", "consumer", "cluster-latency"] as const;

/** Options of {@linkcode clusterBench}. */
export type ClusterBenchOptions = {
  wanted: readonly string[];
  rounds: number;
  trades: number;
  seconds: number;
  progress: (text: string) => void;
};

/**
 * Measures the cluster profile on a stack of the bench's own: our consumer beside a bare loop of the driver, our capture beside
 * Debezium, and the way from the exchange to Cassandra. The servers run with the JVM's whole compiler, unlike in tests.
 */
export async function clusterBench(options: ClusterBenchOptions): Promise<void> {
  const { wanted, rounds, trades, seconds, progress } = options;
  progress("starting Kafka, Connect and Cassandra");
  await using stack = await startTestStack({ quickStart: false });
  const { kafka, connect, cassandra } = stack.testStack;
  if (wanted.includes("consumer")) {
    const results = await consumerBench({
      kafka,
      cassandra,
      cassandraPid: await stack.pid("cassandra-1"),
      rounds,
      trades,
      progress,
    });
    console.log(
      `\n## Kafka -> Cassandra, ${trades} trades and some rows of other tables, ${rounds} rounds in turns\n`,
    );
    console.log(consumerTable(results));
  }
  if (wanted.includes("capture")) {
    const results = await captureBench({
      kafka,
      connect,
      connectPid: await stack.pid("connect"),
      kafkaPid: await stack.pid("kafka-1"),
      rounds,
      rows: trades,
      seconds: Math.min(seconds, 20),
      progress,
    });
    console.log(`\n## PostgreSQL -> Kafka, a backlog of ${trades} rows, ${rounds} rounds in turns\n`);
    console.log(captureTable(results));
  }
  if (wanted.includes("cluster-latency")) {
    const servers = await clusterServers(stack.testStack);
    for (const engine of ["debezium", "candlewire"] as const) await latencyOf(engine, servers, seconds);
  }
}

/** Exchange -> Cassandra with one of the two captures. */
async function latencyOf(
  engine: "debezium" | "candlewire",
  servers: ClusterServers,
  seconds: number,
): Promise<void> {
  const names = clusterNames();
  // Stays the same for all speeds; what a run left is removed before the next.
  const prepare = () => emptyServers(servers, names);
  await latencyBench({
    title: `Exchange -> Cassandra, captured by ${engine}`,
    seconds,
    speeds: [1, 1, 5],
    settings: clusterSettings(servers, names, engine),
    openStore: () => lastStored(servers, names),
    prepare,
  });
  await prepare();
}

async function lastStored(servers: ClusterServers, { keyspace }: ClusterNames): Promise<LatencyStore> {
  const client = cassandraClient(servers);
  await client.connect();
  const query =
    `SELECT trade_id FROM ${keyspace}.recent_trades WHERE symbol = ? ORDER BY trade_id DESC LIMIT 1`;
  return {
    last: async (symbol) => {
      const { rows } = await client.execute(query, [symbol], { prepare: true });
      return rows[0] === undefined ? undefined : Number(rows[0].trade_id);
    },
    [Symbol.asyncDispose]: () => client.shutdown(),
  };
}

/** One line a contender: medians over the rounds, with the range of what varies most. */
function captureTable(results: CaptureRound[]): string {
  const lines = [
    "| contender | rows/s (range) | CPU, µs a row | PostgreSQL, µs | broker, µs | commit to reader p50 ms | p99 ms (range) | memory, MB |",
    "|---|---|---|---|---|---|---|---|",
  ];
  for (const [contender, rounds] of Map.groupBy(results, ({ contender }) => contender)) {
    const of = (pick: (round: CaptureRound) => number) => rounds.map(pick).sort((a, b) => a - b);
    const median = (pick: (round: CaptureRound) => number) => quantile(of(pick), 0.5);
    const range = (pick: (round: CaptureRound) => number, digits: number) => {
      const values = of(pick);
      return `${median(pick).toFixed(digits)} (${values[0]!.toFixed(digits)} to ${
        values.at(-1)!.toFixed(digits)
      })`;
    };
    lines.push(
      `| ${contender} | ${range((round) => round.rowsPerSecond, 0)} | ${
        median((round) => round.cpu).toFixed(1)
      } | ${median((round) => round.postgresCpu).toFixed(1)} | ${
        median((round) => round.kafkaCpu).toFixed(1)
      } | ${median((round) => round.p50Ms).toFixed(1)} | ${range((round) => round.p99Ms, 1)} | ${
        median((round) => round.rssMb).toFixed(0)
      } |`,
    );
  }
  return lines.join("\n");
}
