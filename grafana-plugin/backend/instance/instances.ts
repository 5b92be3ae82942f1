import type { PluginContext } from "../protocol/backend.ts";
import type { Log } from "../operation/log.ts";
import { Instance } from "./instance.ts";
import { settingsOf } from "./settings.ts";

type Held = { instance: Instance; updatedMs: bigint; users: number; stale: boolean; usedMs: number };

/** An instance that nobody used for so long is closed, ms: a data source that was deleted sends no word. */
const IDLE_MS = 15 * 60_000;

/**
 * The instances of all data sources, by organisation and uid: one while its settings stay as they are. One whose settings
 * have changed is closed when its last user has gone.
 */
export class Instances {
  readonly #held = new Map<string, Held>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
    Deno.unrefTimer(setInterval(() => this.#closeIdle(), 60_000));
  }

  /** How many are open. */
  get size(): number {
    return this.#held.size;
  }

  /** The instance of a call and the function that gives it back. Throws `plugin.bad_settings`. */
  acquire(context: PluginContext): { instance: Instance; release: () => void } {
    const source = context.dataSourceInstanceSettings;
    const key = `${context.orgId}/${source?.uid ?? ""}`;
    const updatedMs = source?.lastUpdatedMS ?? 0n;
    let held = this.#held.get(key);
    if (held === undefined || held.updatedMs !== updatedMs) {
      // Before the old one is put away: what cannot work replaces nothing.
      const instance = new Instance(settingsOf(context));
      if (held !== undefined) this.#retire(key, held);
      held = { instance, updatedMs, users: 0, stale: false, usedMs: 0 };
      this.#held.set(key, held);
    }
    const mine = held;
    mine.users++;
    let released = false;
    return {
      instance: mine.instance,
      release: () => {
        if (released) return;
        released = true;
        mine.users--;
        mine.usedMs = performance.now();
        if (mine.stale && mine.users === 0) this.#close(mine);
      },
    };
  }

  #retire(key: string, held: Held): void {
    this.#held.delete(key);
    held.stale = true;
    if (held.users === 0) this.#close(held);
  }

  #closeIdle(): void {
    for (const [key, held] of this.#held) {
      if (held.users === 0 && performance.now() - held.usedMs > IDLE_MS) this.#retire(key, held);
    }
  }

  #close({ instance }: Held): void {
    instance[Symbol.asyncDispose]().catch((error) =>
      this.#log("warn", "A data source's connections could not be closed", { error: String(error) })
    );
  }
}
