import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HostConfig } from "../../host/config.ts";
import { createModuleHost, type ModuleHostOptions, type OwnedModuleHost } from "../../host/host.ts";
import { eventually } from "../until.ts";

/** A real host with real child processes, over temporary folders. */
export type HostFixture = AsyncDisposable & {
  host: OwnedModuleHost;
  /** Holds everything; removed at the end. */
  folder: string;
  transformsFolder: string;
  modulesFolder: string;
};

/** Times short enough for tests. */
const QUICK: Partial<HostConfig> = {
  heartbeatMs: 200,
  hangMs: 2_500,
  startTimeoutMs: 6_000,
  drainMs: 8_000,
  watchMs: 50,
  backoffMs: 20,
  maxBackoffMs: 500,
  transformTimeoutMs: 1_500,
};

/** Opens a host; user modules start as they are found. */
export async function openHost(
  options: Partial<ModuleHostOptions> & { folder?: string } = {},
): Promise<HostFixture> {
  const folder = options.folder ?? await Deno.makeTempDir({ prefix: "candlewire-host-" });
  const transformsFolder = join(folder, "transforms");
  const modulesFolder = join(folder, "modules");
  const remove = async () => {
    if (options.folder === undefined) await Deno.remove(folder, { recursive: true });
  };
  let host: OwnedModuleHost | undefined;
  try {
    host = await createModuleHost({
      dataFolder: join(folder, "data"),
      origin: { kind: "exchange", id: "test", label: "test" },
      root: fileURLToPath(new URL("../../../", import.meta.url)),
      modules: [],
      ...options,
      config: { ...QUICK, transformsFolder, modulesFolder, ...options.config },
    });
    await host.startAll();
  } catch (error) {
    await host?.[Symbol.asyncDispose]();
    await remove();
    throw error;
  }
  const opened = host;
  return {
    host: opened,
    folder,
    transformsFolder,
    modulesFolder,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await remove();
    },
  };
}

/** Waits until the condition holds; rejects after the deadline with what was waited for. */
export function until(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  deadlineMs?: number,
): Promise<void> {
  return eventually(condition, what, deadlineMs);
}

/** One trade as the consumer sends it to a transform. */
export const ONE_TRADE = {
  table: "recent_trades",
  columns: ["symbol", "trade_id", "price", "quantity", "trade_time", "is_buyer_maker", "backfill"],
  rows: [["BTCUSDT", 1, "67000.10", "0.5", 1_732_300_000_000, false, false]],
};
