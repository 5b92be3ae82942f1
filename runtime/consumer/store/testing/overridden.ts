import type { MarketStore } from "../market_store.ts";

/** A store of which some functions or properties are replaced, for tests; all others are the store's own. */
export function overridden(store: MarketStore, overrides: Partial<MarketStore>): MarketStore {
  return new Proxy(store, {
    get(target, name) {
      const value = name in overrides
        ? overrides[name as keyof MarketStore]
        : Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
