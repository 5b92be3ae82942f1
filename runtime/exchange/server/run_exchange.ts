import type { ExchangeMarketConfig } from "../config.ts";
import { openMarket } from "../open_market.ts";
import type { ServerConfig } from "./config.ts";
import { untilAborted } from "../../wait.ts";
import { startExchange } from "./start_exchange.ts";

/** What the command `exchange` is made of. */
export type RunExchangeOptions = {
  market: ExchangeMarketConfig;
  server: ServerConfig;
  /** Ends the run: connections are closed, then the market's folder. */
  signal: AbortSignal;
  /** Takes lines for people; the first carries the address. */
  print: (line: string) => void;
};

/**
 * Opens a market and serves it until the signal. Throws what {@linkcode openMarket} and {@linkcode startExchange}
 * throw, after it has let go of everything.
 */
export async function runExchange(options: RunExchangeOptions): Promise<void> {
  const { server, signal, print } = options;
  await using market = await openMarket(options.market);
  if (signal.aborted) return;
  await using exchange = await startExchange(market, server);
  print(`Exchange on ${exchange.url} (WebSocket ${exchange.wsUrl})`);
  print(`SIMULATED: ${market.origin.label} [${market.origin.kind} ${market.origin.id}]`);
  print(
    `${market.symbols.length} symbols; virtual time ${new Date(market.now).toISOString()}; ${
      speedText(server.speed)
    }${server.paused ? "; paused until POST /admin/resume" : ""}`,
  );
  for (const note of market.notes ?? []) print(note);
  await Promise.race([untilAborted(signal), exchange.ended]);
  print("Exchange is stopping");
}

function speedText(speed: ServerConfig["speed"]): string {
  if (speed === "max") return "as fast as its readers take it";
  return speed === 0 ? "standing still" : `speed ${speed}×`;
}
