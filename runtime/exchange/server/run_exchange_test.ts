import assert from "node:assert/strict";
import net from "node:net";
import { CandlewireError } from "../../error.ts";
import { exchangeMarketConfig } from "../config.ts";
import { serverConfig } from "./config.ts";
import { runExchange } from "./run_exchange.ts";
import { MemoryMarket } from "./tests/memory_market.ts";
import { startExchange } from "./start_exchange.ts";

Deno.test("run prints where it listens and what it is, and ends with its signal", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lines: string[] = [];
    const stop = new AbortController();
    const listening = Promise.withResolvers<string>();
    const running = runExchange({
      market: exchangeMarketConfig.parse({
        folder: `${folder}/exchange`,
        symbols: ["BTCUSDT"],
        historyHours: 1,
      }),
      server: serverConfig.parse({ port: 0, speed: 20 }),
      signal: stop.signal,
      print(line) {
        lines.push(line);
        const url = /http:\/\/[\w.:]+/.exec(line)?.[0];
        if (url !== undefined) listening.resolve(url);
      },
    });
    const url = await Promise.race([
      listening.promise,
      running.then(() => Promise.reject(new Error("it ended"))),
    ]);
    assert.deepEqual(await (await fetch(`${url}/api/v3/ping`)).json(), {});
    const { body } = await fetch(`${url}/admin/origin`);
    await body?.cancel();
    stop.abort();
    await running;
    assert.match(
      lines.join("\n"),
      /Exchange on http:\/\/127\.0\.0\.1:\d+ [^]*SIMULATED[^]*speed 20×[^]*stopping/,
    );
    await assert.rejects(fetch(`${url}/api/v3/ping`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a port in use is named, with the remedy", async () => {
  const holder = net.createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as net.AddressInfo;
  await using market = new MemoryMarket();
  await assert.rejects(startExchange(market, serverConfig.parse({ port })), (error) => {
    assert.ok(error instanceof CandlewireError);
    assert.equal(error.code, "exchange.port_in_use");
    assert.ok(error.message.includes(`127.0.0.1:${port}`));
    assert.match(error.hint!, /another port/);
    return true;
  });
  await new Promise<void>((resolve) => holder.close(() => resolve()));
});

Deno.test("an address that this machine lacks is named", async () => {
  await using market = new MemoryMarket();
  await assert.rejects(
    startExchange(market, serverConfig.parse({ port: 0, host: "203.0.113.1" })),
    (error) => error instanceof CandlewireError && error.code === "exchange.address_unavailable",
  );
});

Deno.test("the server's configuration refuses unknown keys and values out of range", () => {
  for (const bad of [{ prot: 1 }, { port: 70_000 }, { speed: -1 }, { speed: "fast" }, { tickMs: "2" }]) {
    assert.throws(() => serverConfig.parse(bad));
  }
  assert.equal(serverConfig.parse({}).port, 8788);
});

Deno.test("a market that fails ends the exchange with its error", async () => {
  await using market = new MemoryMarket();
  await using exchange = await startExchange(market, serverConfig.parse({ port: 0, speed: 20 }));
  market.advance = () => {
    throw new CandlewireError("exchange.folder_full", "Write the spool: no space left on device");
  };
  await assert.rejects(exchange.ended, /no space left/);
});
