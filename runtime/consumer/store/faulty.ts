import { CandlewireError } from "../../error.ts";
import type { Change } from "../transform/transform.ts";
import type { MarketStore, StoreBatch, WriteResult } from "./market_store.ts";

/** A named fault of a store's `write`. */
export type StoreFault =
  /** Nothing is stored, the store says so. */
  | { kind: "unavailable" }
  /** All is stored, the answer is lost. */
  | { kind: "failAfterWrite" }
  /** Resolves only after `release`. */
  | { kind: "hold"; until: Promise<void> };

/**
 * A store with faults in front of `write`, for tests: `faults` are used up one a write, `rejects` names the changes
 * that can never be stored.
 */
export function faultyStore(
  store: MarketStore,
  options: { faults?: StoreFault[]; rejects?: (change: Change) => boolean } = {},
): MarketStore & { readonly writes: number } {
  let writes = 0;
  const write = async (batch: StoreBatch, writeOptions?: { dryRun?: boolean }): Promise<WriteResult> => {
    writes++;
    const fault = options.faults?.shift();
    if (fault?.kind === "unavailable") throw unavailable("the store is down");
    if (fault?.kind === "hold") await fault.until;
    if (options.rejects !== undefined && batch.changes.some(options.rejects)) {
      throw new CandlewireError("store.bad_row", "Write a batch: one of its rows can never be stored");
    }
    const result = await store.write(batch, writeOptions);
    if (fault?.kind === "failAfterWrite") throw unavailable("the answer was lost");
    return result;
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === "write") return write;
      if (name === "writes") return writes;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  }) as MarketStore & { readonly writes: number };
}

function unavailable(what: string): CandlewireError {
  return new CandlewireError("store.unavailable", `Write a batch: ${what}`, { retry: "retry" });
}
