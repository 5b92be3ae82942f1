import type { ModuleHost } from "../host/module_host.ts";
import type { BookRow } from "../market/table.ts";
import type { MarketQuery } from "../query/market_query.ts";
import type { EventHub } from "./event_hub.ts";
import type { Channel } from "./parameter.ts";
import { sumOf } from "./rates.ts";
import type { Sampler } from "./sampler.ts";

/** What the feed reads from and writes to. */
export type EventFeedOptions = {
  host: ModuleHost;
  query: MarketQuery;
  sampler: Sampler;
  hub: EventHub;
  /** Called for each alert that the consumer raised. */
  onAlert?: () => void;
  /** How a module is shown. */
  shown: (name: string) => unknown;
  callTimeoutMs: number;
};

type Part = { symbol: string | null; data: unknown } | { error: unknown };

/** How the events of a channel that modules publish are merged for slow readers: the key, or null for never. */
const KEYS: Record<string, (event: Record<string, unknown>) => string | null> = {
  trades: () => null,
  alerts: () => null,
  prices: (event) => `${event.symbol}`,
  tickers: (event) => `${event.symbol}`,
  books: (event) => `${event.symbol}`,
  klines: (event) => `${event.symbol} ${event.open_time}`,
  windows: (event) => `${event.symbol} ${event.window} ${event.open_time}`,
};

/** Fills the hub from the modules' events, the supervisor and the sampler, and makes the readers' snapshots. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #stops: (() => void)[];
  readonly #publishers = new Map<string, boolean>();
  #deadLetters: number | null = null;
  #replays = "";
  #looking = false;

  constructor(options: EventFeedOptions) {
    this.#options = options;
    const { host, hub } = options;
    this.#stops = [
      host.onEvent((channel, event, from) => this.#published(channel, event, from)),
      host.onChange((event) => {
        this.#publishers.clear();
        hub.publish("modules", null, event.module, { event, module: options.shown(event.module) });
      }),
    ];
  }

  #published(channel: string, event: Record<string, unknown>, from: string): void {
    const key = Object.hasOwn(KEYS, channel) ? KEYS[channel] : undefined;
    // What a transform or a source publishes is not what the store holds: only consumers speak for the store.
    if (key === undefined || !this.#speaksForStore(from)) return;
    const { hub, sampler, onAlert } = this.#options;
    if (channel === "alerts") {
      sampler.alerts++;
      onAlert?.();
    }
    const symbol = typeof event.symbol === "string" ? event.symbol : null;
    hub.publish(channel as Channel, symbol, key(event), event);
  }

  #speaksForStore(name: string): boolean {
    let speaks = this.#publishers.get(name);
    if (speaks === undefined) {
      speaks = this.#options.host.module(name)?.kind === "consumer";
      if (this.#publishers.size > 256) this.#publishers.clear();
      this.#publishers.set(name, speaks);
    }
    return speaks;
  }

  /** Publishes what nobody announces but everybody wants fresh. Called after each sample. */
  async tick(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#publishPipeline();
      await this.#publishDeadLetters();
      await this.#publishReplays();
    } finally {
      this.#looking = false;
    }
  }

  async #publishPipeline(): Promise<void> {
    const { hub, sampler } = this.#options;
    if (hub.wanted("pipeline")) hub.publish("pipeline", null, "", await sampler.document());
  }

  async #publishDeadLetters(): Promise<void> {
    const { hub } = this.#options;
    if (!hub.wanted("dead-letters")) return;
    const total = this.#deadLetterTotal();
    if (total === this.#deadLetters) return;
    try {
      hub.publish("dead-letters", null, "", await this.#deadLetterPage(total));
      this.#deadLetters = total;
    } catch {
      // The store does not answer; readiness says so, and the next tick tries again.
    }
  }

  async #publishReplays(): Promise<void> {
    const { hub } = this.#options;
    if (!hub.wanted("replays")) return;
    try {
      const replays = await this.replays();
      const text = JSON.stringify(replays);
      if (text === this.#replays) return;
      this.#replays = text;
      hub.publish("replays", null, "", { replays });
    } catch {
      // The consumer is down; the channel modules says so, and the next tick tries again.
    }
  }

  /** All replays that the consumer remembers, newest first. */
  async replays(): Promise<unknown[]> {
    const { host, callTimeoutMs } = this.#options;
    const answer = await host.call("consumer", "replays.list", {}, { timeoutMs: callTimeoutMs });
    const list = Array.isArray(answer) ? answer : (answer as { replays?: unknown[] } | null)?.replays ?? [];
    return [...list].sort((a, b) => createdAt(b) - createdAt(a));
  }

  /** Dead letters written since the consumers started. */
  #deadLetterTotal(): number {
    return this.#options.host.modules().reduce(
      (sum, module) => sum + (sumOf(module.metrics, "candlewire_dead_letters_total") ?? 0),
      0,
    );
  }

  async #deadLetterPage(total: number) {
    return { total, rows: (await this.#options.query.deadLetters({ limit: 20 })).rows };
  }

  /** The state of a channel at a reader's start. Never throws: what fails is a part with the error. */
  async *snapshot(channel: Channel, symbols: readonly string[] | undefined): AsyncGenerator<Part> {
    const { query, sampler, host, shown } = this.#options;
    const whole = async (read: () => Promise<unknown>): Promise<Part> => {
      try {
        return { symbol: null, data: await read() };
      } catch (error) {
        return { error };
      }
    };
    switch (channel) {
      case "pipeline":
        return yield await whole(() => sampler.document());
      case "modules":
        return yield await whole(async () => ({
          modules: host.modules().map((module) => shown(module.name)),
        }));
      case "alerts":
        return yield await whole(async () => ({ rows: (await query.alerts({ limit: 50 })).rows }));
      case "tickers":
        return yield await whole(async () => {
          await sampler.assertOrigin();
          return { rows: (await query.tickers({ limit: 50, orderBy: "quote_volume_usdt" })).rows };
        });
      case "dead-letters":
        return yield await whole(() => this.#deadLetterPage(this.#deadLetterTotal()));
      case "replays":
        return yield await whole(async () => ({ replays: await this.replays() }));
    }
    for (const symbol of symbols ?? []) {
      try {
        await sampler.assertOrigin();
        yield { symbol, data: await this.#marketSnapshot(channel, symbol) };
      } catch (error) {
        // One report is enough: the other symbols would fail alike.
        return yield { error };
      }
    }
  }

  async #marketSnapshot(
    channel: "trades" | "prices" | "klines" | "books" | "windows",
    symbol: string,
  ): Promise<unknown> {
    const { query } = this.#options;
    const newest = (limit: number) => ({ symbol, limit, order: "desc" as const });
    switch (channel) {
      case "trades":
        return { symbol, trades: (await query.trades(newest(50))).rows.reverse() };
      case "prices":
        return { rows: (await query.prices(newest(1))).rows };
      case "klines":
        return { rows: (await query.klines(newest(120))).rows.reverse() };
      case "windows":
        return { rows: (await query.aggregates({ ...newest(60), window: "1m" })).rows.reverse() };
      case "books": {
        const book: BookRow | undefined = await query.book(symbol);
        return { rows: book === undefined ? [] : [book] };
      }
    }
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }
}

function createdAt(replay: unknown): number {
  const at = (replay as { created_at?: unknown } | null)?.created_at;
  return typeof at === "number" ? at : 0;
}
