import type { CassandraLogin } from "../cassandra/login.ts";
import type { ModuleContext } from "../host/module_context.ts";
import type { ConsumerConfig } from "./config.ts";
import type { MarketStore, Retention } from "./store/market_store.ts";

/** Which store is written, and where it is. */
export type StoreParameters =
  | { kind: "sqlite"; file: string; cacheKiB: number }
  | { kind: "cassandra"; login: CassandraLogin };

/** What a store is opened with beside its place. */
export type OpenStoreOptions = { deadLetters: ConsumerConfig["deadLetters"]; retention: Retention };

/** Opens the store; its adapter and driver are loaded only here, so that no profile carries the other's. */
export async function openStore(
  parameters: StoreParameters,
  context: ModuleContext,
  options: OpenStoreOptions,
): Promise<MarketStore> {
  switch (parameters.kind) {
    case "sqlite": {
      const { SqliteMarketStore } = await import("./store/sqlite.ts");
      return new SqliteMarketStore(parameters.file, {
        origin: context.origin,
        writer: context.name,
        epoch: context.epoch,
        cacheKiB: parameters.cacheKiB,
        deadLetters: options.deadLetters,
      });
    }
    case "cassandra": {
      const { CassandraMarketStore } = await import("./store/cassandra.ts");
      return await CassandraMarketStore.open(parameters.login, {
        secrets: context.secrets,
        origin: context.origin,
        writer: context.name,
        retention: options.retention,
        deadLetters: options.deadLetters,
        log: (level, message) => context.log(level, message),
      });
    }
  }
}
