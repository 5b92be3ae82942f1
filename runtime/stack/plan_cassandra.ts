import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { jvmArguments, loopback, type PlanFolders, type ServerPlan } from "./server_plan.ts";
import { PORT_FLAGS, type StackSettings } from "./settings.ts";

/** What Cassandra 5 opens of Java 17, as its own start scripts do (conf/jvm17-server.options). */
const EXPORTS = [
  "java.base/jdk.internal.misc",
  "java.base/java.lang.ref",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi",
  "java.rmi/sun.rmi.registry",
  "java.rmi/sun.rmi.server",
  "java.rmi/sun.rmi.transport.tcp",
  "java.sql/java.sql",
  "jdk.unsupported/sun.misc",
  "jdk.attach/sun.tools.attach",
];
const OPENS = [
  "java.base/java.io",
  "java.base/java.nio",
  "java.base/java.net",
  "java.base/java.lang",
  "java.base/java.math",
  "java.base/java.util",
  "java.base/java.lang.module",
  "java.base/java.lang.reflect",
  "java.base/java.util.concurrent",
  "java.base/java.util.concurrent.atomic",
  "java.base/jdk.internal.loader",
  "java.base/jdk.internal.ref",
  "java.base/jdk.internal.reflect",
  "java.base/jdk.internal.math",
  "java.base/jdk.internal.module",
  "java.base/jdk.internal.util.jar",
  "java.base/sun.nio.ch",
  "jdk.management/com.sun.management.internal",
];

/** One node; `index` counts from 1. */
export function planCassandra(
  index: number,
  settings: StackSettings,
  options: { folders: PlanFolders },
): ServerPlan {
  const { ports } = settings;
  const { folders } = options;
  const name = `cassandra-${index}`;
  const host = loopback(index);
  const folder = join(folders.stack, name);
  const logFile = join(folders.stack, "logs", `${name}.log`);
  const yamlFile = join(folder, "cassandra.yaml");
  const heapMb = settings.heapsMb.cassandra;
  return {
    name,
    index,
    part: "cassandra",
    host,
    port: ports.cassandra,
    listens: [
      { host, port: ports.cassandra, flag: PORT_FLAGS.cassandra },
      { host, port: ports.cassandraStorage, flag: PORT_FLAGS.cassandraStorage },
    ],
    folder,
    logFile,
    outFile: join(folders.stack, "logs", `${name}.out`),
    files: { [yamlFile]: cassandraYaml(index, settings, folder) },
    format: null,
    args: [
      ...jvmArguments(settings, { part: "cassandra", folder, logFile }),
      "-Xss256k",
      `-XX:MaxDirectMemorySize=${Math.max(256, Math.floor(heapMb / 2))}m`,
      "-Djdk.attach.allowAttachSelf=true",
      "-Dio.netty.tryReflectionSetAccessible=true",
      ...EXPORTS.flatMap((what) => ["--add-exports", `${what}=ALL-UNNAMED`]),
      ...OPENS.flatMap((what) => ["--add-opens", `${what}=ALL-UNNAMED`]),
      `-Dlogback.configurationFile=${join(folders.connectors, "cassandra", "logback.xml")}`,
      `-Dcassandra.config=${pathToFileURL(yamlFile)}`,
      `-Dcassandra.storagedir=${folder}`,
      // All nodes are on this machine and known from the start: nothing has to settle first.
      "-Dcassandra.skip_wait_for_gossip_to_settle=0",
      "-Dcassandra.ring_delay_ms=1",
      "-Dcassandra.superuser_setup_delay_ms=0",
      // No JMX: it would let every user of this machine run code in the server.
      "-cp",
      join(folders.servers, "cassandra", "*"),
      "org.apache.cassandra.service.CassandraDaemon",
    ],
  };
}

/** A node's `cassandra.yaml`. JSON is YAML, so each value is written as JSON. */
export function cassandraYaml(index: number, settings: StackSettings, folder: string): string {
  const { nodes, ports } = settings;
  const several = nodes > 1;
  const heapMb = settings.heapsMb.cassandra;
  const lines: Record<string, unknown> = {
    cluster_name: "candlewire",
    partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
    endpoint_snitch: "SimpleSnitch",
    // Nodes with tokens of their own, evenly laid, may start at once and have nothing to hand over.
    num_tokens: several ? 1 : 16,
    ...(several ? { initial_token: initialToken(index, nodes) } : {}),
    auto_bootstrap: false,
    seed_provider: [{
      class_name: "org.apache.cassandra.locator.SimpleSeedProvider",
      parameters: [{
        seeds: Array.from({ length: nodes }, (_, at) => `${loopback(at + 1)}:${ports.cassandraStorage}`).join(
          ",",
        ),
      }],
    }],
    listen_address: loopback(index),
    rpc_address: loopback(index),
    storage_port: ports.cassandraStorage,
    native_transport_port: ports.cassandra,
    data_file_directories: [join(folder, "data")],
    commitlog_directory: join(folder, "commitlog"),
    hints_directory: join(folder, "hints"),
    saved_caches_directory: join(folder, "saved_caches"),
    cdc_raw_directory: join(folder, "cdc_raw"),
    // What a node has acknowledged is on its disk. By Cassandra's own default, periodic, a node that is killed forgets the last 100 ms
    // (the log is replayed up to its newest marker), and only other replicas still know them.
    commitlog_sync: "batch",
    commitlog_segment_size: "16MiB",
    commitlog_total_space: several ? "128MiB" : "256MiB",
    memtable_allocation_type: "heap_buffers",
    memtable_heap_space: `${Math.floor(heapMb / 4)}MiB`,
    file_cache_size: "64MiB",
    networking_cache_size: "32MiB",
    key_cache_size: "16MiB",
    counter_cache_size: "0MiB",
    concurrent_compactors: 1,
    max_hints_size_per_host: "128MiB",
    auto_snapshot: false,
    // A node that cannot write to its disk goes, and says so, rather than answer without being able to keep anything.
    disk_failure_policy: "die",
    commit_failure_policy: "die",
    // Batches are of one partition, some ten rows each; these bound what a mistake can do to the heap.
    batch_size_warn_threshold: "128KiB",
    batch_size_fail_threshold: "1024KiB",
    // The servers share their cores with everything else here.
    write_request_timeout: "5000ms",
    read_request_timeout: "10000ms",
    range_request_timeout: "10000ms",
    ...settings.cassandraYaml,
  };
  return Object.entries(lines).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join("");
}

/** Murmur3 tokens go from -2^63 to 2^63 - 1. */
function initialToken(index: number, nodes: number): string {
  return String(-(2n ** 63n) + (2n ** 64n / BigInt(nodes)) * BigInt(index - 1));
}
