import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CandlewireError } from "../error.ts";
import type { StackEnvironment } from "./java.ts";
import {
  DEFAULT_PORTS,
  defaultHeaps,
  PORT_FLAGS,
  STACK_PARTS,
  type StackPart,
  type StackPorts,
} from "./settings.ts";
import { startStack } from "./stack.ts";
import { type ServerStatus, stackStatus } from "./stack_status.ts";
import { stopStack } from "./stop_stack.ts";

const single = defaultHeaps(1, 1);
const several = defaultHeaps(3, 3);

/** What `deno task stack --help` prints. */
export const STACK_HELP =
  `The real servers on this machine: PostgreSQL, Kafka, Kafka Connect with Debezium, Cassandra. They listen on loopback only.

  deno task stack up       start what does not run; they go on when the command has ended
  deno task stack status   each server with its process, memory, port and log; exit code 1 unless all serve
  deno task stack down     stop what was started, data stay (--remove: delete them)

  Then: deno task start --profile cluster --config data/stack/candlewire.json

Needs Java 17 (Debian: openjdk-17-jre-headless) and Maven (maven), which resolves the servers named in connectors/pom.xml.

Flags
  --dir FOLDER                   all of the stack (data/stack)
  --only A,B                     of ${STACK_PARTS.join(", ")} (at first: all); what runs stays
  --brokers N                    Kafka brokers, 1 to 3, on 127.0.0.1, .2 and .3 (1)
  --nodes N                      Cassandra nodes, likewise (1)
  --postgres-port N              ${DEFAULT_PORTS.postgres}; 0 takes a free port, here and below
  --kafka-port N                 ${DEFAULT_PORTS.kafka}
  --kafka-controller-port N      ${DEFAULT_PORTS.kafkaController}, among brokers
  --connect-port N               ${DEFAULT_PORTS.connect}
  --cassandra-port N             ${DEFAULT_PORTS.cassandra}
  --cassandra-storage-port N     ${DEFAULT_PORTS.cassandraStorage}, among nodes
  --kafka-heap SIZE              of one broker, such as 512m or 1g (${single.kafka}m; of several ${several.kafka}m)
  --connect-heap SIZE            (${single.connect}m)
  --cassandra-heap SIZE          of one node (${single.cassandra}m; of several ${several.cassandra}m)
  --java FILE                    the java to use (found in JAVA_HOME, PATH, /usr/lib/jvm)
  --servers FOLDER               where the servers' jars are kept (<dir>/servers)
  --timeout SECONDS              how long one server may take to serve (300)
  --remove                       with down: delete the stack's data

What flags said is kept: a later up without them starts the same stack.
`;

/** Where the command runs; given by `main.ts`, the only place that reads the environment. */
export type StackCommandContext = {
  environment: StackEnvironment;
  print: (line: string) => void;
  signal: AbortSignal;
};

/** Runs `up`, `down` or `status` and resolves to the exit code. Throws what they throw, and `stack.usage`. */
export async function runStackCommand(args: string[], context: StackCommandContext): Promise<number> {
  const { values, command } = readArguments(args);
  const { print } = context;
  if (values.help || command === "help") {
    print(STACK_HELP);
    return 0;
  }
  const folder = values.dir ?? join("data", "stack");
  if (command === "down") {
    await stopStack(folder, { remove: values.remove ?? false, print });
    return 0;
  }
  if (values.remove) throw usage("Read --remove: it goes with down");
  if (command === "status") {
    const servers = await stackStatus(folder);
    if (servers === undefined) {
      print(`No stack in ${resolve(folder)}`);
      return 1;
    }
    for (const line of statusLines(servers)) print(line);
    return servers.every(({ state }) => state === "serves") ? 0 : 1;
  }

  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  const stack = await startStack({
    folder,
    ...readWishes(values),
    environment: context.environment,
    serversFolder: values.servers,
    java: values.java,
    timeoutMs: values.timeout === undefined ? undefined : wholeNumber("timeout", values.timeout) * 1000,
    print: (line) => print(`${seconds()} s  ${line}`),
    signal: context.signal,
  });
  const { endpoints } = stack;
  print(
    `The stack serves after ${seconds().trim()} s; it goes on until: deno task stack down${
      dirFlag(values.dir)
    }`,
  );
  print(`Use it: deno task start --profile cluster --config ${shellWord(endpoints.configFile)}`);
  return 0;
}

/** A table for people. */
export function statusLines(servers: ServerStatus[]): string[] {
  const rows = servers.map((server) => [
    server.name,
    server.state,
    server.pid === null ? "-" : `${server.pid}`,
    server.rssBytes === 0 ? "-" : `${Math.round(server.rssBytes / 2 ** 20)} MB`,
    `${server.host}:${server.port}`,
    server.logFile,
  ]);
  const table = [["server", "state", "process", "memory", "address", "log"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}

const text = { type: "string" } as const;
const OPTIONS = {
  dir: text,
  only: text,
  brokers: text,
  nodes: text,
  "postgres-port": text,
  "kafka-port": text,
  "kafka-controller-port": text,
  "connect-port": text,
  "cassandra-port": text,
  "cassandra-storage-port": text,
  "kafka-heap": text,
  "connect-heap": text,
  "cassandra-heap": text,
  java: text,
  servers: text,
  timeout: text,
  remove: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

function readArguments(args: string[]) {
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    const command = positionals[0] ?? "help";
    if (positionals.length > 1) throw usage(`Read the arguments: "${positionals[1]}" is one too many`);
    if (!["up", "down", "status", "help"].includes(command)) {
      throw usage(`Run "stack ${command}": there are up, down and status`);
    }
    return { values, command: command as "up" | "down" | "status" | "help" };
  } catch (error) {
    throw error instanceof CandlewireError ? error : usage((error as Error).message);
  }
}

type Values = ReturnType<typeof readArguments>["values"];

function readWishes(values: Values) {
  const ports: Partial<StackPorts> = {};
  for (const [name, flag] of Object.entries(PORT_FLAGS) as [keyof StackPorts, string][]) {
    const given = values[flag.slice(2) as keyof Values] as string | undefined;
    if (given !== undefined) ports[name] = wholeNumber(flag.slice(2), given);
  }
  const heap = (name: "kafka" | "connect" | "cassandra") => {
    const given = values[`${name}-heap`];
    if (given === undefined) return undefined;
    const match = /^(\d+)([mg])b?$/i.exec(given);
    if (match === null) throw usage(`Read --${name}-heap: "${given}" is no size such as 512m or 1g`);
    return Number(match[1]) * (match[2]!.toLowerCase() === "g" ? 1024 : 1);
  };
  return {
    ...(values.only === undefined ? {} : { parts: readParts(values.only) }),
    ...(values.brokers === undefined ? {} : { brokers: wholeNumber("brokers", values.brokers) }),
    ...(values.nodes === undefined ? {} : { nodes: wholeNumber("nodes", values.nodes) }),
    ports,
    heapsMb: definedHeaps({ kafka: heap("kafka"), connect: heap("connect"), cassandra: heap("cassandra") }),
  };
}

function definedHeaps(heaps: Record<string, number | undefined>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(heaps).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

function readParts(list: string): StackPart[] {
  return list.split(",").map((part) => part.trim()).filter((part) => part !== "").map((part) => {
    if ((STACK_PARTS as readonly string[]).includes(part)) return part as StackPart;
    throw usage(`Read --only: "${part}" is none of ${STACK_PARTS.join(", ")}`);
  });
}

function wholeNumber(flag: string, given: string): number {
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw usage(`Read --${flag}: "${given}" is no whole number`);
}

function dirFlag(dir: string | undefined): string {
  return dir === undefined ? "" : ` --dir ${shellWord(dir)}`;
}

/** As one types it. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function usage(message: string): CandlewireError {
  return new CandlewireError("stack.usage", message, {
    retry: "operator",
    hint: "See deno task stack --help",
  });
}
