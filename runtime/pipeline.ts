import { createHmac } from "node:crypto";
import { join } from "node:path";
import { builtInModule, ROOT } from "./built_in_module.ts";
import { type Config, MARKET_DATA_ONLY } from "./config.ts";
import { type Control, startControl } from "./control/control.ts";
import { loadTokens } from "./control/tokens.ts";
import { type DataFolder, openDataFolder } from "./data_folder.ts";
import { CandlewireError, errorText } from "./error.ts";
import { exchangeOrigin, keepExchange } from "./exchange_process.ts";
import { type BuiltInModule, createModuleHost, type OwnedModuleHost } from "./host/host.ts";
import { keepLeases, type Leases } from "./leases.ts";
import { epochMs } from "./market/epoch.ts";
import type { Origin } from "./market/origin.ts";
import { keepPostgres, type KeptPostgres } from "./postgres/keep_postgres.ts";
import { diskProbe, postgresProbe, sourceProbe } from "./pipeline_probe.ts";
import { maintainPostgres, type Maintenance } from "./postgres/maintenance_postgres.ts";
import { migratePostgres, readOrigin } from "./postgres/migrate_postgres.ts";
import type { PartitionedTable } from "./postgres/partition_postgres.ts";
import type { PostgresEndpoint } from "./postgres/server.ts";
import type { Profile, ProfileContext, Role } from "./profile.ts";

export const VERSION = "0.1.0";

/** A running pipeline. Disposing it drains the modules in the data's order, then stops the rest. */
export type Pipeline = AsyncDisposable & {
  readonly origin: Origin;
  readonly control: Control;
  readonly host: OwnedModuleHost;
  /** Resolves once `/readyz` answers 200; rejects when the signal aborts. */
  ready(signal: AbortSignal): Promise<void>;
};

/** Where progress goes, and when to give up. */
export type PipelineOptions = { print: (line: string) => void; signal: AbortSignal };

type Source = { restUrl: string; wsUrl: string; origin: Origin };

/**
 * Brings up a profile: source, PostgreSQL, log and store, modules, control API, in this order; of a pipeline that is
 * spread over several hosts, the parts of this one. What was started is stopped again when a later part fails.
 */
export async function startPipeline(config: Config, options: PipelineOptions): Promise<Pipeline> {
  const { print, signal } = options;
  const roles: Role[] = config.only === null ? ["producer", "capture", "consumer"] : [config.only];
  const produces = roles.includes("producer");
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(
    await openDataFolder(config.dataDir, produces ? { live: config.source.kind === "binance" } : {}),
  );
  const source = produces ? await openSource(config, stack, print) : undefined;
  if (source !== undefined) await folder.settle(source.origin);

  const database = produces || roles.includes("capture")
    ? await openDatabase(config, { folder, source, stack, print, signal })
    : undefined;
  const origin = source?.origin ?? database?.origin ?? await storedOrigin(config, print, signal);
  if (source === undefined) await folder.settle(origin);
  const profile = stack.use(
    await openProfile({
      config,
      folder,
      origin,
      endpoint: database?.endpoint,
      capturePassword: database?.capturePassword,
      roles,
      print,
      signal,
    }),
  );
  const modules = [
    ...(source !== undefined && database !== undefined ? [producerModule(config, source, database)] : []),
    ...profile.modules,
  ];
  const host = stack.use(
    await openHost(config, { folder, origin, modules, maintenance: database?.maintenance }),
  );
  const names = host.modules().filter(({ builtIn }) => builtIn).map(({ name }) => name);
  const leases: Leases = stack.use(keepLeases({
    endpoint: config.profile === "cluster" ? database?.endpoint : undefined,
    roles,
    host,
    keepers: profile.keepers,
    print,
  }));
  const control = stack.use(
    await startControl({
      host,
      query: profile.query,
      origin,
      profile: config.profile,
      listen: { hostname: config.listen.host, port: config.listen.port },
      tokens: await loadTokens(folder.path, config.tokens ?? undefined),
      consoleFolder: new URL("console/", import.meta.url),
      version: VERSION,
      required: names,
      probes: {
        ...profile.probes,
        source: source && sourceProbe(config.source.kind, source),
        postgres: database && postgresProbe(database.postgres, database.maintenance),
        waiting: leases.waiting,
        disk: diskProbe({
          postgres: database?.postgres?.folder,
          ...profile.folders,
          exchange: produces && config.source.kind === "exchange" && config.source.restUrl === null
            ? folder.exchange
            : undefined,
        }),
      },
      readLog: profile.readLog,
      config: config.control,
      log: (level, message, fields) => {
        if (level !== "debug") {
          print(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }));
        }
      },
    }),
  );
  await Deno.writeTextFile(
    join(folder.run, "endpoints.json"),
    JSON.stringify({
      url: control.url,
      source: source?.restUrl ?? null,
      pid: Deno.pid,
      postgresPidFile: database?.postgres === undefined
        ? null
        : join(database.postgres.folder, "data", "postmaster.pid"),
    }),
  );
  print(`Starting ${names.join(", ")}`);
  // Not waited for: a source that does not answer must not hide the console, which shows why.
  void host.startAll({ except: leases.modules }).catch((error) =>
    signal.aborted || print(`warn: ${errorText(error)}`)
  );
  leases.start();

  const running = stack.move();
  return {
    origin,
    control,
    host,
    ready: (readySignal) => whenReady(control, print, readySignal),
    async [Symbol.asyncDispose]() {
      await leases[Symbol.asyncDispose]();
      // In the data's order, so that what is under way arrives.
      for (const name of names) await host.stop(name);
      await running[Symbol.asyncDispose]();
    },
  };
}

/** Adapters are loaded with the profile that uses them: the embedded one loads no client of Kafka or Cassandra. */
async function openProfile(context: ProfileContext): Promise<Profile> {
  if (context.config.profile === "embedded") {
    return (await import("./embedded_profile.ts")).openEmbedded(context);
  }
  return await (await import("./cluster_profile.ts")).openCluster(context);
}

/** Whose numbers a keyspace holds, for a host that has neither the source nor the database. */
async function storedOrigin(
  config: Config,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<Origin> {
  const { waitForOrigin } = await import("./cluster_profile.ts");
  return await waitForOrigin(config, { print, signal });
}

/** The endpoints of the source and whose numbers it gives; starts the exchange when none is named. */
async function openSource(
  config: Config,
  stack: AsyncDisposableStack,
  print: (line: string) => void,
): Promise<Source> {
  const { kind, restUrl, wsUrl } = config.source;
  if (kind === "binance") {
    return {
      restUrl: restUrl ?? "https://api.binance.com",
      wsUrl: wsUrl ??
        (restUrl === MARKET_DATA_ONLY.restUrl ? MARKET_DATA_ONLY.wsUrl : "wss://stream.binance.com:9443"),
      origin: { kind: "live", id: "binance", label: "Binance spot market" },
    };
  }
  if (restUrl !== null) {
    return { restUrl, wsUrl: wsUrl ?? restUrl.replace(/^http/, "ws"), origin: await exchangeOrigin(restUrl) };
  }
  print("Starting the exchange (simulated market)");
  const exchange = await keepExchange({
    folder: join(config.dataDir, "exchange"),
    market: { ...config.exchange.market, folder: join(config.dataDir, "exchange", "market") },
    server: config.exchange.server,
    print,
  });
  stack.use(exchange);
  return exchange;
}

/** The database, migrated and looked after. */
type Database = {
  endpoint: PostgresEndpoint;
  /** The embedded server; undefined for one of the user's own. */
  postgres?: KeptPostgres;
  maintenance: Maintenance;
  origin: Origin;
  producerPassword: string;
  capturePassword: string;
};

async function openDatabase(
  config: Config,
  parts: {
    folder: DataFolder;
    source: Source | undefined;
    stack: AsyncDisposableStack;
    print: (line: string) => void;
    signal: AbortSignal;
  },
): Promise<Database> {
  const { folder, source, stack, print, signal } = parts;
  const { endpoint, postgres } = await openPostgres(config, folder, stack, print);
  // Several hosts that share a server must agree on the roles' passwords without telling each other.
  const derived = (role: string) => createHmac("sha256", endpoint.password).update(role).digest("base64url");
  const shared = postgres === undefined;
  const producerPassword = shared ? derived("candlewire_producer") : folder.secrets.producerPassword;
  const capturePassword = config.postgres.capturePassword ??
    (shared ? derived("candlewire_capture") : folder.secrets.capturePassword);
  const origin = source?.origin ?? await readOrigin(endpoint);
  await migratePostgres(endpoint, {
    origin,
    passwords: { candlewire_producer: producerPassword, candlewire_capture: capturePassword },
    print,
  });
  const maintenance = stack.use(
    await maintainPostgres(endpoint, {
      retentionDays: config.exchange.market.originalTimes ? null : config.postgres.retentionDays,
      daysAhead: 2,
      intervalMs: 60_000,
      signal,
      report: (level, message) => print(`${level}: ${message}`),
    }),
  );
  return { endpoint, postgres, maintenance, origin, producerPassword, capturePassword };
}

async function openPostgres(
  config: Config,
  folder: DataFolder,
  stack: AsyncDisposableStack,
  print: (line: string) => void,
): Promise<{ endpoint: PostgresEndpoint; postgres?: KeptPostgres }> {
  if (config.postgres.url !== null) {
    const url = new URL(config.postgres.url);
    return {
      endpoint: {
        host: url.hostname,
        port: Number(url.port || 5432),
        database: url.pathname.slice(1) || "candlewire",
        user: decodeURIComponent(url.username),
        password: decodeURIComponent(url.password),
      },
    };
  }
  print("Starting PostgreSQL");
  const postgres = await keepPostgres({
    folder: folder.postgres,
    port: config.postgres.port,
    slotWalLimitMb: config.postgres.slotWalLimitMb,
    print,
    report: (level, message) => print(`${level}: ${message}`),
  });
  stack.defer(() => postgres.stop());
  return { endpoint: postgres.endpoint, postgres };
}

function producerModule(
  config: Config,
  source: Source,
  { endpoint, producerPassword }: Pick<Database, "endpoint" | "producerPassword">,
): BuiltInModule {
  const { host, port, database } = endpoint;
  return builtInModule("producer", {
    parameters: {
      ...config.producer,
      source: { kind: "binance", restUrl: source.restUrl, wsUrl: source.wsUrl },
      symbols: config.symbols,
      postgres: { host, port, database, user: "candlewire_producer" },
    },
    secrets: { postgresPassword: producerPassword },
    references: {
      postgres: `${host}:${port}`,
      "source.rest": hostAndPort(source.restUrl),
      "source.ws": hostAndPort(source.wsUrl),
    },
  });
}

async function openHost(
  config: Config,
  parts: { folder: DataFolder; origin: Origin; modules: BuiltInModule[]; maintenance?: Maintenance },
): Promise<OwnedModuleHost> {
  const { folder, origin, modules, maintenance } = parts;
  return await createModuleHost({
    dataFolder: folder.path,
    origin,
    root: ROOT,
    config: {
      ...config.host,
      modulesFolder: config.host.modulesFolder ?? folder.modules,
      transformsFolder: config.host.transformsFolder ?? folder.transforms,
    },
    modules,
    hostHandlers: maintenance === undefined ? {} : {
      "postgres.partitions": (parameters) => {
        const { table, from, to } = parameters as { table: PartitionedTable; from: number; to: number };
        return maintenance.ensure(table, { from: epochMs(from), to: epochMs(to) });
      },
    },
  });
}

function hostAndPort(address: string): string {
  const url = new URL(address);
  return `${url.hostname}:${url.port || (/^(https|wss):/.test(url.protocol) ? 443 : 80)}`;
}

/** Waits for `/readyz`; after a while it says what is still missing, so that nobody waits in the dark. */
async function whenReady(
  control: Control,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const patienceMs = 8_000;
  const started = performance.now();
  let told = "";
  while (true) {
    signal.throwIfAborted();
    const response = await fetch(`${control.url}/readyz`, { signal });
    const { checks } = await response.json() as { checks: { name: string; ok: boolean; why: string }[] };
    if (response.ok) return;
    const missing = checks.filter((check) => !check.ok).map((check) => `${check.name}: ${check.why}`).join(
      "; ",
    );
    if (performance.now() - started > patienceMs && missing !== told) {
      if (told === "") print(`Not ready yet; the console shows more: ${control.newLoginUrl()}`);
      print(`Waiting for ${missing}`);
      told = missing;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Fails early, with the remedy, where flags do not go together. */
export function assertProfile(config: Config): void {
  const usage = (message: string, hint: string) =>
    new CandlewireError("config.profile", message, { retry: "operator", hint });
  if (config.profile === "embedded" && (config.only !== null || config.instances > 1)) {
    const what = config.only !== null ? `--only ${config.only}` : `--instances ${config.instances}`;
    throw usage(
      `Start with ${what}: the embedded profile is one process of each part`,
      "Use --profile cluster, or leave the flag out",
    );
  }
  if (config.instances > 1 && config.only !== null && config.only !== "consumer") {
    throw usage(
      `Start ${config.instances} instances of ${config.only}: only consumers share their work`,
      "Start --only consumer --instances N; a second producer or capture waits for the first one's lease",
    );
  }
  if (config.only !== null && config.only !== "consumer" && config.postgres.url === null) {
    throw usage(
      `Start --only ${config.only}: it needs a PostgreSQL that other hosts reach, and postgres.url is null`,
      "Name one with --set postgres.url=…; deno task stack up starts one and writes its address",
    );
  }
}
