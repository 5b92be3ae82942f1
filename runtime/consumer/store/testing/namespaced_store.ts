import type { EpochMs } from "../../../market/epoch.ts";
import type { Change } from "../../transform/transform.ts";
import type { MarketStore, StoreBatch } from "../market_store.ts";
import { overridden } from "./overridden.ts";

/**
 * A part of a store that is shared by many tests, as if it were a store of its own: symbols, topics, alerts and notes
 * get a prefix on their way in and lose it on their way out. For stores that are dear to make.
 */
export function namespacedStore(store: MarketStore, prefix: string): MarketStore {
  const into = (name: string) => `${prefix}${name}`;
  const outOf = (name: string) => name.slice(prefix.length);
  const ours = ({ symbol }: { symbol: string }) => symbol.startsWith(prefix);
  const stripped = <T extends { symbol: string }>(row: T): T => ({ ...row, symbol: outOf(row.symbol) });
  const prefixed = <T extends { symbol: string }>(row: T): T => ({ ...row, symbol: into(row.symbol) });
  const batchOf = (batch: StoreBatch): StoreBatch => ({
    ...batch,
    changes: batch.changes.map((change) => ({ ...change, row: prefixed(change.row) }) as Change),
    deadLetters: batch.deadLetters.map((letter) => ({ ...letter, topic: into(letter.topic) })),
    settled: batch.settled?.map(into),
  });
  return overridden(store, {
    write: (batch, options) => store.write(batchOf(batch), options),
    async raiseAlerts(alerts) {
      const raised = await store.raiseAlerts(alerts.map((alert) => ({ ...alert, id: into(alert.id) })));
      return raised.map((alert) => ({ ...alert, id: outOf(alert.id) }));
    },
    markDelivered: (id) => store.markDelivered(into(id)),
    async deadLetters({ ids, topic, after, ...options }) {
      const letters = await store.deadLetters({
        ...options,
        ids: ids?.map(into),
        topic: topic === undefined ? undefined : into(topic),
        after: after === undefined ? undefined : into(after),
      });
      return letters.map((letter) => ({ ...letter, id: outOf(letter.id), topic: outOf(letter.topic) }));
    },
    dropDeadLetter: (id) => store.dropDeadLetter(into(id)),
    async dirtyMinutes(limit) {
      return (await store.dirtyMinutes(1e9)).filter(ours).slice(0, limit).map(stripped);
    },
    async minuteTrades(symbol, minute: EpochMs, fromId) {
      return (await store.minuteTrades(into(symbol), minute, fromId)).map(stripped);
    },
    async storedWindows(symbol, window, from, to) {
      return (await store.storedWindows(into(symbol), window, from, to)).map(stripped);
    },
    writeWindows: (windows, done) => store.writeWindows(windows.map(prefixed), done.map(prefixed)),
    async recentPrices(withinMs, limit) {
      return (await store.recentPrices(withinMs, 1e9)).filter(ours).slice(0, limit).map(stripped);
    },
    note: (name) => store.note(into(name)),
    saveNote: (name, text) => store.saveNote(into(name), text),
  });
}
