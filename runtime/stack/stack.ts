import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CandlewireError } from "../error.ts";
import { type PostgresEndpoint, startPostgres } from "../postgres/server.ts";
import { findJava, type Java, type StackEnvironment } from "./java.ts";
import { planStack } from "./plan_stack.ts";
import { freeStackPort, portHolder } from "./port_holder.ts";
import { probeCassandraNodes, probeKafka } from "./probe.ts";
import type { ServerPlan } from "./server_plan.ts";
import {
  awaitGone,
  identify,
  isRunning,
  type ProcessIdentity,
  signalProcess,
  writeWhole,
} from "./server_process.ts";
import { resolveServers } from "./servers_maven.ts";
import {
  settleSettings,
  STACK_PARTS,
  type StackPart,
  type StackSettings,
  type StackWishes,
} from "./settings.ts";
import { connectSecretsFile, settleCapturePassword, stackConfig } from "./stack_config.ts";
import { newStackRecord, openStackFolder, type StackFolder } from "./stack_file.ts";
import { awaitServer, checkListens, launchServer, type StartOptions } from "./start_server.ts";
import { stopServers } from "./stop_server.ts";

const CONNECTORS = fileURLToPath(new URL("../../connectors", import.meta.url));

/** Options of {@linkcode startStack}. */
export type StackOptions = StackWishes & {
  /** Holds all of the stack; made when missing. A second stack needs a folder and ports of its own. */
  folder: string;
  environment: StackEnvironment;
  /** Where the servers' jars are kept; default: in the folder. */
  serversFolder?: string | undefined;
  /** A Java to use rather than to look for one. */
  java?: string | undefined;
  /** How long one server may take to serve, ms. */
  timeoutMs?: number | undefined;
  print?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
};

/** Where the servers are; a part that the stack does not have is undefined, or empty. */
export type StackEndpoints = {
  kafka: string[];
  /** REST address. */
  connect: string | undefined;
  cassandra: { contactPoints: string[]; port: number; localDataCenter: string };
  /** The owner's login. */
  postgres: PostgresEndpoint | undefined;
  /** Read by the Connect worker's `file` configuration provider, which reads no other. */
  connectSecretsFile: string;
  /** Configuration for `deno task start --profile cluster --config …`. */
  configFile: string;
};

/**
 * A running stack. Servers are named `postgres`, `kafka-1` …, `connect`, `cassandra-1` …. Disposing of it stops what was started
 * through it; servers that ran before stay.
 */
export type Stack = AsyncDisposable & {
  readonly settings: StackSettings;
  readonly endpoints: StackEndpoints;
  readonly servers: string[];
  /** Servers that this object started, and will stop. */
  readonly started: ReadonlySet<string>;
  /** `kill -9`; resolves when the process is gone. */
  kill(server: string): Promise<void>;
  /** Starts a server that was killed or stopped, on its own data and port; resolves when it serves. */
  start(server: string): Promise<void>;
  /** Ends a server in order. */
  stop(server: string): Promise<void>;
  /** Halts a server (SIGSTOP), as a machine does that hangs: connections stay, nothing answers. `resume` ends it. */
  pause(server: string): Promise<void>;
  resume(server: string): Promise<void>;
  /** The running process's number; throws `stack.not_running`. */
  pid(server: string): Promise<number>;
};

/**
 * Starts the servers that do not run, keeps those that do, and resolves when all serve. They outlive this process. When one fails,
 * what this call started is stopped again and the reason thrown; see {@linkcode awaitServer}, {@linkcode findJava} and
 * {@linkcode resolveServers} for the codes.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const path = resolve(options.folder);
  const print = options.print ?? (() => {});
  using folder = await openStackFolder(path);
  const settings = await settle(folder, options);
  await folder.save({ ...(folder.record ?? newStackRecord(settings)), settings });
  const capturePassword = await settleCapturePassword(path);

  const started = new Set<string>();
  const running = new Map<string, number>();
  for (const [name, process] of Object.entries(folder.record!.servers)) {
    if (await isRunning(process)) running.set(name, process.pid);
  }
  const parts = settings.parts.filter((part) => part !== "postgres");
  const plansWith = (servers: string) =>
    planStack(settings, {
      folders: { stack: path, servers, connectors: CONNECTORS },
      identity: folder.record!.kafka,
      secretsFile: connectSecretsFile(path),
    });
  // Ports before jars: a person should not wait for Maven to be told of a port.
  const absent: ServerPlan[] = [];
  for (const plan of plansWith("")) {
    if (running.has(plan.name)) print(`${plan.name} runs (process ${running.get(plan.name)})`);
    else absent.push(plan);
  }
  checkListens(absent);
  await warnOfMemory(settings, absent, print);
  let plans: ServerPlan[] = [];
  let java: Java = { program: "", version: "" };
  const prepare = async (only: readonly StackPart[]) => {
    java = await findJava(options.environment, { program: options.java, parts: only });
    const servers = await resolveServers({
      parts: only,
      cacheFolder: resolve(options.serversFolder ?? join(path, "servers")),
      pom: join(CONNECTORS, "pom.xml"),
      java,
      environment: options.environment,
      print,
      signal: options.signal,
    });
    plans = plansWith(servers);
  };
  if (parts.length > 0) await prepare(parts);

  const abort = new AbortController();
  const startOptions = (): StartOptions => ({
    java,
    path: options.environment.path,
    print,
    signal: AbortSignal.any([abort.signal, ...(options.signal === undefined ? [] : [options.signal])]),
    timeoutMs: options.timeoutMs ?? 300_000,
  });
  let saving = Promise.resolve();
  const note = (into: StackFolder, name: string, process: ProcessIdentity) => {
    started.add(name);
    // One at a time: they are written to one file.
    saving = saving.then(() =>
      into.save({
        ...into.record!,
        servers: { ...into.record!.servers, [name]: { ...process, startedAt: new Date().toISOString() } },
      })
    );
    return saving;
  };

  /** Starts one server, unless it runs, and waits until it serves. */
  const bringUp = async (into: StackFolder, plan: ServerPlan) => {
    const known = into.record!.servers[plan.name];
    if (known !== undefined && await isRunning(known)) return await awaitServer(plan, known, startOptions());
    const began = performance.now();
    const process = await launchServer(plan, startOptions());
    await note(into, plan.name, process);
    print(`${plan.name} starts on ${plan.host}:${plan.port} (process ${process.pid})`);
    await awaitServer(plan, process, startOptions());
    print(`${plan.name} serves after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  };
  const bringUpPostgres = async (into: StackFolder): Promise<PostgresEndpoint> => {
    const port = settings.ports.postgres;
    try {
      const server = await startAfterDeath(() =>
        startPostgres({ folder: join(path, "postgres"), port, print })
      );
      const process = await identify(server.pid);
      const known = into.record!.servers.postgres;
      if (process !== undefined && known?.startTime !== process.startTime) {
        await note(into, "postgres", process);
      }
      print(
        `postgres ${server.adopted ? "runs" : "serves"} on 127.0.0.1:${server.port} (process ${server.pid})`,
      );
      return {
        host: server.host,
        port: server.port,
        database: server.database,
        user: server.user,
        password: server.password,
      };
    } catch (error) {
      if (!(error instanceof CandlewireError) || error.code !== "postgres.port_in_use") throw error;
      const holder = portHolder("127.0.0.1", port) ?? "something";
      throw new CandlewireError(
        "stack.port_in_use",
        `Start postgres on 127.0.0.1:${port}: ${holder} listens there`,
        {
          retry: "operator",
          hint: "Stop that, or choose another port with --postgres-port (0 takes a free one)",
          cause: error,
        },
      );
    }
  };

  let postgres: PostgresEndpoint | undefined;
  try {
    options.signal?.throwIfAborted();
    if (settings.parts.includes("postgres")) postgres = await bringUpPostgres(folder);
    const group = async (part: StackPart) => {
      await Promise.all(plans.filter((plan) => plan.part === part).map((plan) => bringUp(folder, plan)));
    };
    await together([
      (async () => {
        await group("kafka");
        await awaitCluster(settings, plans, "kafka", startOptions());
        await group("connect");
      })(),
      (async () => {
        await group("cassandra");
        await awaitCluster(settings, plans, "cassandra", startOptions());
      })(),
    ], abort);
  } catch (error) {
    await saving;
    print("Stopping what was started");
    await stopServers(folder, [...started], print);
    throw error;
  }

  const configFile = join(path, "candlewire.json");
  await writeWhole(
    configFile,
    JSON.stringify(stackConfig(settings, { folder: path, postgres, capturePassword }), null, 2),
    0o600,
  );
  const planOf = (name: string) => plans.find((plan) => plan.name === name);
  const processOf = async (into: StackFolder, name: string): Promise<ProcessIdentity> => {
    const process = into.record?.servers[name];
    if (process !== undefined && await isRunning(process)) return process;
    throw new CandlewireError("stack.not_running", `Find the process of ${name}: it does not run`);
  };
  const names = [...(postgres === undefined ? [] : ["postgres"]), ...plans.map((plan) => plan.name)];
  // Changes through one object queue up; the folder's lock is for other processes.
  let last: Promise<unknown> = Promise.resolve();
  const locked = <T>(work: (folder: StackFolder) => Promise<T>): Promise<T> => {
    const next = last.catch(() => {}).then(async () => {
      using open = await openStackFolder(path);
      return await work(open);
    });
    last = next;
    return next;
  };
  const send = (name: string, signal: Deno.Signal) =>
    locked(async (open) => {
      const process = await processOf(open, name);
      await signalProcess(process, signal);
      if (signal === "SIGKILL" && !await awaitGone(process, 10_000)) {
        throw new CandlewireError("stack.not_killed", `Kill ${name}: process ${process.pid} is still there`);
      }
    });

  return {
    settings,
    servers: names,
    started,
    endpoints: {
      kafka: plans.filter((plan) => plan.part === "kafka").map((plan) => `${plan.host}:${plan.port}`),
      connect: settings.parts.includes("connect") ? `http://127.0.0.1:${settings.ports.connect}` : undefined,
      cassandra: {
        contactPoints: plans.filter((plan) => plan.part === "cassandra").map((plan) => plan.host),
        port: settings.ports.cassandra,
        localDataCenter: "datacenter1",
      },
      postgres,
      connectSecretsFile: connectSecretsFile(path),
      configFile,
    },
    kill: (name) => send(name, "SIGKILL"),
    pause: (name) => send(name, "SIGSTOP"),
    resume: (name) => send(name, "SIGCONT"),
    pid: (name) => locked(async (open) => (await processOf(open, name)).pid),
    stop: (name) => locked((open) => stopServers(open, [name], print)),
    start: (name) =>
      locked(async (open) => {
        if (name === "postgres") return void await bringUpPostgres(open);
        const plan = planOf(name);
        if (plan === undefined) {
          throw new CandlewireError("stack.settings", `Start ${name}: the stack has ${names.join(", ")}`);
        }
        await bringUp(open, plan);
      }),
    [Symbol.asyncDispose]: () => locked((open) => stopServers(open, [...started], print)),
  };
}

/** Settings as recorded and asked for; parts that run stay parts. Rejects when what runs would have to change. */
async function settle(folder: StackFolder, wishes: StackWishes): Promise<StackSettings> {
  const recorded = folder.record?.settings;
  const settings = settleSettings(recorded, wishes, freeStackPort);
  const running: string[] = [];
  for (const [name, process] of Object.entries(folder.record?.servers ?? {})) {
    if (await isRunning(process)) running.push(name);
  }
  if (recorded === undefined || running.length === 0) return settings;
  for (const section of ["ports", "heapsMb", "quickStart"] as const) {
    if (JSON.stringify(settings[section]) === JSON.stringify(recorded[section])) continue;
    throw new CandlewireError(
      "stack.running_differs",
      `Change ports or heaps of the stack in ${folder.path}: ${running.join(", ")} run with the old ones`,
      { retry: "operator", hint: "Stop it first: deno task stack down" },
    );
  }
  const runs = (part: StackPart) => running.some((name) => name === part || name.startsWith(`${part}-`));
  return { ...settings, parts: STACK_PARTS.filter((part) => settings.parts.includes(part) || runs(part)) };
}

/** A killed server's number stays taken until its parent has noted its end, and PostgreSQL believes it to be alive. */
async function startAfterDeath<T>(start: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const failed = error instanceof CandlewireError && error.code === "postgres.start_failed";
      if (!failed || !error.hint?.includes("postmaster.pid") || performance.now() > deadline) throw error;
      await new Promise((done) => setTimeout(done, 250));
    }
  }
}

/** Says when the servers to be started will hardly fit: too little memory shows as a killed process much later. */
async function warnOfMemory(
  settings: StackSettings,
  plans: ServerPlan[],
  print: (line: string) => void,
): Promise<void> {
  const text = await Deno.readTextFile("/proc/meminfo").catch(() => "");
  const availableMb = Number(/MemAvailable:\s+(\d+) kB/.exec(text)?.[1] ?? Infinity) / 1024;
  // Measured: beside its heap a server takes about 300 MB for code, threads and buffers.
  const neededMb = plans.reduce((sum, plan) => sum + settings.heapsMb[plan.part] + 300, 0);
  if (neededMb <= availableMb) return;
  print(
    `Warning: the servers may take ${Math.round(neededMb)} MB, ${
      Math.round(availableMb)
    } MB are available; give them less with --kafka-heap, --connect-heap, --cassandra-heap, or start fewer with --only`,
  );
}

/** Waits for all; the first failure ends the others' waiting, and is the one thrown. */
async function together(work: Promise<unknown>[], abort: AbortController): Promise<void> {
  let first: { error: unknown } | undefined;
  await Promise.all(work.map((one) =>
    one.catch((error) => {
      first ??= { error };
      abort.abort(first.error);
    })
  ));
  if (first !== undefined) throw first.error;
}

/** Waits until each server of a kind sees all others. */
async function awaitCluster(
  settings: StackSettings,
  plans: ServerPlan[],
  part: "kafka" | "cassandra",
  options: StartOptions,
): Promise<void> {
  const members = plans.filter((plan) => plan.part === part);
  if (members.length < 2) return;
  const count = settings.nodes as 2 | 3;
  const deadline = performance.now() + options.timeoutMs;
  for (const { name, host, port } of members) {
    const whole = async () =>
      part === "kafka"
        ? (await probeKafka(host, port)).length === members.length
        : await probeCassandraNodes(host, port, count);
    while (!await whole()) {
      options.signal?.throwIfAborted();
      if (performance.now() > deadline) {
        throw new CandlewireError(
          "stack.server_slow",
          `Wait for ${name} to see ${members.length} servers of its kind`,
          {
            retry: "operator",
            hint: "Look at the logs of all of them; give them longer with --timeout",
          },
        );
      }
      await new Promise((done) => setTimeout(done, 200));
    }
  }
}
