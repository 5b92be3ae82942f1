import { MemoryMarket, type MemoryMarketOptions } from "../../exchange/server/tests/memory_market.ts";
import { serverConfig } from "../../exchange/server/config.ts";
import { startExchange } from "../../exchange/server/start_exchange.ts";
import type { ServerConfig } from "../../exchange/server/config.ts";
import { eventually } from "../../tests/until.ts";

/** What a request may take, a run to its goal too, ms. */
const REQUEST_MS = 60_000;

/** The exchange over a small seeded market in memory, frozen until {@linkcode TestExchange.run}. */
export type TestExchange = AsyncDisposable & {
  market: MemoryMarket;
  url: string;
  wsUrl: string;
  port: number;
  /** Runs at full speed up to a virtual time, ms after the market's start, and freezes there. */
  run(untilMs: number): Promise<void>;
  /** Stands still from now on. */
  freeze(): Promise<void>;
  fault(fault: Record<string, unknown>): Promise<void>;
  clearFaults(): Promise<void>;
  state(): Promise<{ trades: number; framesSent: number; sockets: unknown[] }>;
};

/** The virtual time at which every test market begins. */
export const START = Date.UTC(2026, 0, 15, 12, 0, 0);

/** Starts an exchange on a port of the system's choice. */
export async function testExchange(
  market: MemoryMarketOptions = {},
  server: Partial<ServerConfig> = {},
): Promise<TestExchange> {
  const memory = new MemoryMarket({ start: START, ...market });
  const exchange = await startExchange(
    memory,
    serverConfig.parse({ port: 0, paused: true, speed: "max", ...server }),
  );
  const admin = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${exchange.url}/admin/${path}`, {
      method,
      headers: { "Content-Type": "application/json" },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} /admin/${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  return {
    market: memory,
    url: exchange.url,
    wsUrl: exchange.wsUrl,
    port: exchange.port,
    run: (untilMs) => admin("POST", "run", { untilTime: START + untilMs }),
    freeze: () => admin("POST", "pause"),
    fault: (fault) => admin("POST", "faults", fault),
    clearFaults: () => admin("DELETE", "faults"),
    state: () => admin("GET", "state"),
    [Symbol.asyncDispose]: () => exchange.close(),
  };
}

/** Waits for a condition; throws with the name of what never came, and what `shown` says then. */
export function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  shown: () => unknown = () => "",
): Promise<void> {
  return eventually(condition, async () => `${what}; ${JSON.stringify(await shown())}`);
}
