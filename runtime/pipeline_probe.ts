import type { Probe } from "./control/probe.ts";
import { folderBytes } from "./folder_bytes.ts";
import type { Origin } from "./market/origin.ts";
import type { KeptPostgres } from "./postgres/keep_postgres.ts";
import type { Maintenance } from "./postgres/maintenance_postgres.ts";

/**
 * Looks at the market that is read. Our own exchange says how it is; of Binance nothing is asked, its request weight is
 * the producer's.
 */
export function sourceProbe(
  kind: "binance" | "exchange",
  source: { restUrl: string; origin: Origin },
): Probe {
  return async () => {
    const started = performance.now();
    if (kind === "binance") return { state: "running", detail: source.restUrl };
    const response = await fetch(`${source.restUrl}/admin/state`, { signal: AbortSignal.timeout(2_000) });
    const state = await response.json() as {
      paused: boolean;
      ended: boolean;
      speed: number | "max";
      symbols: string[];
      trades: number;
    };
    const speed = state.speed === "max" ? "as fast as possible" : `${state.speed}×`;
    return {
      state: "running",
      detail: `${source.origin.label}, ${state.symbols.length} symbols, ${
        state.ended ? "ended" : state.paused ? "paused" : speed
      }`,
      figures: [
        { label: "Trades", value: state.trades, unit: "" },
        { label: "Answer", value: Math.round(performance.now() - started), unit: "ms" },
      ],
    };
  };
}

/** Looks at PostgreSQL: its size, and the WAL that the slot holds back (I10). */
export function postgresProbe(postgres: KeptPostgres | undefined, maintenance: Maintenance): Probe {
  return async () => {
    const usage = await maintenance.usage();
    const state = postgres?.state();
    if (usage === undefined) {
      return {
        state: state?.health === "restarting" ? "starting" : "failed",
        detail: state?.detail || "Does not answer",
      };
    }
    return {
      state: "running",
      detail: state?.detail || "",
      figures: [
        { label: "Database", value: usage.databaseBytes, unit: "bytes" },
        { label: "WAL held by the slot", value: usage.slotBytes ?? 0, unit: "bytes" },
      ],
    };
  };
}

/** Bytes of each folder of ours; the sampler asks seldom and keeps the answer. */
export function diskProbe(
  folders: Record<string, string | undefined>,
): () => Promise<Record<string, number>> {
  return async () => {
    const found: Record<string, number> = {};
    for (const [name, folder] of Object.entries(folders)) {
      if (folder !== undefined) found[name] = await folderBytes(folder);
    }
    return found;
  };
}
