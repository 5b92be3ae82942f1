import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Config, MARKET_DATA_ONLY } from "./config.ts";
import { JournalLog } from "./consumer/log/journal.ts";
import { type Control, startControl } from "./control/control.ts";
import { loadTokens } from "./control/tokens.ts";
import { type DataFolder, openDataFolder } from "./data_folder.ts";
import { CandlewireError, errorText } from "./error.ts";
import { exchangeOrigin, keepExchange } from "./exchange_process.ts";
import { createModuleHost, type OwnedModuleHost } from "./host/host.ts";
import { epochMs } from "./market/epoch.ts";
import type { Origin } from "./market/origin.ts";
import { keepPostgres, type KeptPostgres } from "./postgres/keep_postgres.ts";
import { diskProbe, postgresProbe, sourceProbe } from "./pipeline_probe.ts";
import { maintainPostgres, type Maintenance } from "./postgres/maintenance_postgres.ts";
import { migratePostgres } from "./postgres/migrate_postgres.ts";
import type { PartitionedTable } from "./postgres/partition_postgres.ts";
import type { PostgresEndpoint } from "./postgres/server.ts";
import { SqliteMarketQuery } from "./query/sqlite.ts";

export const VERSION = "0.1.0";
const ROOT = fileURLToPath(new URL("../", import.meta.url));

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
 * Brings up the embedded profile: source, PostgreSQL, modules, control API, in this order. What was started is
 * stopped again when a later part fails.
 */
export async function startPipeline(config: Config, options: PipelineOptions): Promise<Pipeline> {
  const { print, signal } = options;
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await openDataFolder(config.dataDir, { live: config.source.kind === "binance" }));
  const source = await openSource(config, stack, print);
  await folder.settle(source.origin);

  const { endpoint, postgres } = await openPostgres(config, folder, stack, print);
  const { producerPassword, capturePassword } = folder.secrets;
  await migratePostgres(endpoint, {
    origin: source.origin,
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

  const host = stack.use(await openHost(config, { folder, source, endpoint, maintenance }));
  const query = stack.use(new SqliteMarketQuery(join(folder.store, "market.sqlite")));
  const log = stack.use(new JournalLog(folder.journal, { origin: source.origin }));
  const control = stack.use(
    await startControl({
      host,
      query,
      origin: source.origin,
      profile: config.profile,
      listen: { hostname: config.listen.host, port: config.listen.port },
      tokens: await loadTokens(folder.path, config.tokens ?? undefined),
      consoleFolder: new URL("console/", import.meta.url),
      version: VERSION,
      probes: {
        source: sourceProbe(config.source.kind, source),
        postgres: postgresProbe(postgres, maintenance),
        disk: diskProbe({
          postgres: postgres?.folder,
          journal: folder.journal,
          store: folder.store,
          exchange: config.source.kind === "exchange" && config.source.restUrl === null
            ? folder.exchange
            : undefined,
        }),
      },
      readLog: (range) => log.read(range),
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
      source: source.restUrl,
      pid: Deno.pid,
      postgresPidFile: postgres === undefined ? null : join(postgres.folder, "data", "postmaster.pid"),
    }),
  );
  print("Starting producer, capture and consumer");
  // Not waited for: a source that does not answer must not hide the console, which shows why.
  void host.startAll().catch((error) => signal.aborted || print(`warn: ${errorText(error)}`));

  const running = stack.move();
  return {
    origin: source.origin,
    control,
    host,
    ready: (readySignal) => whenReady(control, print, readySignal),
    async [Symbol.asyncDispose]() {
      // In the data's order, so that what is under way arrives.
      for (const name of ["producer", "capture", "consumer"]) await host.stop(name);
      await running[Symbol.asyncDispose]();
    },
  };
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

async function openHost(
  config: Config,
  parts: { folder: DataFolder; source: Source; endpoint: PostgresEndpoint; maintenance: Maintenance },
): Promise<OwnedModuleHost> {
  const { folder, source, endpoint, maintenance } = parts;
  const postgres = (user: string) => ({
    host: endpoint.host,
    port: endpoint.port,
    database: endpoint.database,
    user,
  });
  const storeFile = join(folder.store, "market.sqlite");
  const references = {
    postgres: `${endpoint.host}:${endpoint.port}`,
    "source.rest": hostAndPort(source.restUrl),
    "source.ws": hostAndPort(source.wsUrl),
    "folder.journal": folder.journal,
    "folder.store": folder.store,
  };
  const module = (
    name: string,
    parameters: Record<string, unknown>,
    secrets: Record<string, string> = {},
  ) => ({
    manifestFile: join(ROOT, "runtime", name, "manifest.json"),
    parameters,
    secrets,
    references,
  });
  return await createModuleHost({
    dataFolder: folder.path,
    origin: source.origin,
    root: ROOT,
    config: {
      ...config.host,
      modulesFolder: config.host.modulesFolder ?? folder.modules,
      transformsFolder: config.host.transformsFolder ?? folder.transforms,
    },
    modules: [
      module("producer", {
        ...config.producer,
        source: { kind: "binance", restUrl: source.restUrl, wsUrl: source.wsUrl },
        symbols: config.symbols,
        postgres: postgres("candlewire_producer"),
      }, { postgresPassword: folder.secrets.producerPassword }),
      module("capture", {
        ...config.capture,
        postgres: postgres("candlewire_capture"),
        journalFolder: folder.journal,
      }, { postgresPassword: folder.secrets.capturePassword }),
      module("consumer", {
        ...config.consumer,
        // Recorded times that are kept lie long past every retention.
        expire: config.consumer.expire && !config.exchange.market.originalTimes,
        journalFolder: folder.journal,
        storeFile,
        transforms: [],
      }),
    ],
    hostHandlers: {
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

/** Fails early with the remedy where a profile is asked for that is not built in. */
export function assertProfile(config: Config): void {
  if (config.profile === "embedded") return;
  throw new CandlewireError("config.profile", `Start profile "${config.profile}": only "embedded" is there`, {
    retry: "operator",
    hint: "Use --profile embedded",
  });
}
