/*
 * A market as a process of its own, for tests that kill it. Arguments: the market's configuration as JSON, and how
 * many events to take at a time. Every event goes to stdout as one line, written before the next is taken; the line
 * `open` says that the market goes on from where it was.
 */
import { exchangeMarketConfig } from "../config.ts";
import { openMarket } from "../open_market.ts";
import type { EpochMs } from "../../market/epoch.ts";

const market = await openMarket(exchangeMarketConfig.parse(JSON.parse(Deno.args[0]!)));
const portion = Number(Deno.args[1]);
const encoder = new TextEncoder();

function tell(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

tell("open\n");
for (let next = market.nextTime(); next !== undefined; next = market.nextTime()) {
  const events = market.advance(next + 200 as EpochMs, portion);
  if (events.length > 0) tell(events.map((event) => JSON.stringify(event) + "\n").join(""));
}
