import { join } from "node:path";
import { builtInModule } from "./built_in_module.ts";
import { JournalLog } from "./consumer/log/journal.ts";
import type { Profile, ProfileContext } from "./profile.ts";
import { SqliteMarketQuery } from "./query/sqlite.ts";

/** The embedded profile: capture writes a journal, the consumer a SQLite file, both in the data folder. */
export function openEmbedded(context: ProfileContext): Profile {
  const { config, folder, origin, endpoint } = context;
  const stack = new AsyncDisposableStack();
  const storeFile = join(folder.store, "market.sqlite");
  const query = stack.use(new SqliteMarketQuery(storeFile));
  const log = stack.use(new JournalLog(folder.journal, { origin }));
  const references = {
    postgres: `${endpoint!.host}:${endpoint!.port}`,
    kafka: [],
    cassandra: [],
    "folder.journal": folder.journal,
    "folder.store": folder.store,
  };
  return {
    modules: [
      builtInModule("capture", {
        parameters: {
          ...config.capture,
          postgres: {
            host: endpoint!.host,
            port: endpoint!.port,
            database: endpoint!.database,
            user: "candlewire_capture",
          },
          sink: { kind: "journal", folder: folder.journal },
        },
        secrets: { postgresPassword: context.capturePassword! },
        references,
      }),
      builtInModule("consumer", {
        parameters: {
          ...config.consumer,
          // Recorded times that are kept lie long past every retention.
          expire: config.consumer.expire && !config.exchange.market.originalTimes,
          log: { kind: "journal", folder: folder.journal },
          store: { kind: "sqlite", file: storeFile, cacheKiB: config.consumer.storeCacheKiB },
          transforms: [],
        },
        references,
      }),
    ],
    query,
    readLog: (range) => log.read(range),
    probes: {},
    folders: { journal: folder.journal, store: folder.store },
    keepers: {},
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
