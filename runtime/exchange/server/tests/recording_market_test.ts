import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { exchangeMarketConfig } from "../../config.ts";
import { openMarket } from "../../open_market.ts";
import { serverConfig } from "../config.ts";
import { startExchange } from "../start_exchange.ts";
import { call, StreamClient } from "../testing/stream_client.ts";

/** Recorded by others; they lie beside a checkout and are never part of one. */
const DATA = new URL("../../../../../shared/data/", import.meta.url).pathname;
const FILES = [`${DATA}btcusdt_20240808.gz`, `${DATA}ethusdt_20240808.gz`];
const absent = !FILES.every((path) => existsSync(path));
const SYMBOLS = ["BTCUSDT", "ETHUSDT"];
const RUN_MS = 60_000;

// deno-lint-ignore no-explicit-any
type Frame = any;

/** Every recorded frame by its symbol, kind and id. */
function recordedFrames(): Map<string, Frame> {
  const frames = new Map<string, Frame>();
  for (const file of FILES) {
    // The files may end early, within a gzip member.
    const text = new TextDecoder().decode(gunzipSync(Deno.readFileSync(file), { finishFlush: 2 }));
    for (const line of text.split("\n")) {
      const at = line.indexOf("{");
      if (at < 0 || !line.endsWith("}")) continue;
      const parsed = JSON.parse(line.slice(at));
      const frame = parsed.data ?? parsed;
      if (frame.s !== undefined) frames.set(keyOf(frame), frame);
    }
  }
  return frames;
}

function keyOf(frame: Frame): string {
  if (frame.e === "trade") return `${frame.s} trade ${frame.t}`;
  if (frame.e === "depthUpdate") return `${frame.s} depth ${frame.u}`;
  return `${frame.s} best ${frame.u} ${frame.b} ${frame.B} ${frame.a} ${frame.A}`;
}

Deno.test({
  name: `I9: streams and REST of a recording tell what Binance told, to the letter${
    absent ? " (skipped: no ../shared/data)" : ""
  }`,
  ignore: absent,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const recorded = recordedFrames();
      await using market = await openMarket(
        exchangeMarketConfig.parse({ source: FILES, folder: `${folder}/run` }),
      );
      const shift = Number(/shifted by (-?\d+) ms/.exec(market.notes!.join(" "))![1]);
      await using exchange = await startExchange(
        market,
        serverConfig.parse({ port: 0, speed: "max", paused: true }),
      );
      const kinds = ["trade", "depth@100ms", "bookTicker"];
      const names = SYMBOLS.flatMap((symbol) => kinds.map((kind) => `${symbol.toLowerCase()}@${kind}`));
      await using client = await StreamClient.open(`${exchange.wsUrl}/stream?streams=${names.join("/")}`);
      const { body: before } = await call(exchange, "/admin/state");
      const { body: after } = await call(exchange, "/admin/run", {
        body: { untilTime: before.now + RUN_MS },
      });
      await client.take("all frames", after.framesSent, () => true);
      const last = new Map<string, number>();
      const counts = new Map<string, number>();
      for (const { stream, data: told } of client.json()) {
        const frame = recorded.get(keyOf(told));
        assert.ok(frame !== undefined, `never recorded: ${JSON.stringify(told)}`);
        const kind = stream.split("@")[1];
        counts.set(stream, (counts.get(stream) ?? 0) + 1);
        if (kind === "trade") {
          assert.deepEqual([told.p, told.q, told.m, told.T], [frame.p, frame.q, frame.m, frame.T + shift]);
          assert.equal(told.t, (last.get(stream) ?? told.t - 1) + 1, "trade ids are contiguous");
          last.set(stream, told.t);
        } else if (kind === "depth") {
          assert.deepEqual([told.U, told.b, told.a], [frame.U, frame.b, frame.a]);
          assert.equal(told.U, (last.get(stream) ?? told.U - 1) + 1, "U is the previous u + 1");
          last.set(stream, told.u);
        }
      }
      for (const name of names) assert.ok(counts.get(name)! > 100, `${name}: ${counts.get(name)} frames`);
      for (const symbol of SYMBOLS) {
        const id = last.get(`${symbol.toLowerCase()}@trade`)! - 200;
        const { body: trades } = await call(
          exchange,
          `/api/v3/historicalTrades?symbol=${symbol}&fromId=${id}&limit=200`,
        );
        assert.equal(trades.length, 200);
        for (const [i, trade] of trades.entries()) {
          const frame = recorded.get(`${symbol} trade ${id + i}`);
          assert.deepEqual(
            [trade.id, trade.price, trade.qty, trade.time, trade.isBuyerMaker],
            [frame.t, frame.p, frame.q, frame.T + shift, frame.m],
          );
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
