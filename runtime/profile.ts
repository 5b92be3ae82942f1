import type { ReadLog } from "./control/control_parts.ts";
import type { Probes } from "./control/sampler.ts";
import type { DataFolder } from "./data_folder.ts";
import type { BuiltInModule } from "./host/host.ts";
import type { Config } from "./config.ts";
import type { Origin } from "./market/origin.ts";
import type { PostgresEndpoint } from "./postgres/server.ts";
import type { MarketQuery } from "./query/market_query.ts";

/** A part of the pipeline that one host may run alone. */
export type Role = "producer" | "capture" | "consumer";

/** What a profile is opened with: all that comes before the log. */
export type ProfileContext = {
  config: Config;
  folder: DataFolder;
  /** Whose numbers these are. */
  origin: Origin;
  /** The database; undefined on a host that only consumes. */
  endpoint?: PostgresEndpoint;
  /** Password of the role that captures. */
  capturePassword?: string;
  roles: readonly Role[];
  print: (line: string) => void;
  signal: AbortSignal;
};

/** What a profile adds to the host: the log and what follows it. */
export type Profile = AsyncDisposable & {
  /** Capture and consumers, as far as this host runs them, in the data's order. */
  modules: BuiltInModule[];
  query: MarketQuery;
  readLog: ReadLog;
  probes: Pick<Probes, "capture" | "journal">;
  /** Folders whose size is shown, by part. */
  folders: Record<string, string>;
  /** Work of a role that is no module, such as the connector's registrar; runs while the role's lease is held. */
  keepers: Partial<Record<Role, () => Promise<AsyncDisposable>>>;
};
