import assert from "node:assert/strict";
import { buildAll, GoClient, type StepSettings } from "./testing/go_client.ts";

// The built backend under more than its heap could hold at once. The API is a stand-in that answers from memory: only so is the
// backend what is slow.

const ROWS = 100_000;
const TIME = Date.UTC(2026, 0, 1);
const STAMP = { origin: { kind: "exchange", id: "load", label: "load" }, simulated: true };

/** Pages of trades, a different text in each row; of anything else an empty page. */
function serveTrades() {
  const pages = new Map<string, string>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (!pathname.endsWith("/market/trades")) return Response.json({ ...STAMP, rows: [], next: null });
    const [symbol, limit] = [searchParams.get("symbol")!, Number(searchParams.get("limit"))];
    const last = Number(searchParams.get("cursor") ?? 1_000_000);
    const key = `${symbol} ${last} ${limit}`;
    const page = pages.get(key) ?? JSON.stringify({
      ...STAMP,
      rows: Array.from({ length: limit }, (_, at) => ({
        symbol,
        trade_id: last - at,
        price: `61234.${last - at}`,
        quantity: `0.${last - at}`,
        trade_time: TIME + last - at,
        is_buyer_maker: at % 2 === 0,
        backfill: false,
      })),
      next: String(last - limit),
    });
    pages.set(key, page);
    return new Response(page, { headers: { "content-type": "application/json" } });
  });
  return server;
}

function peakRssMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1000;
}

Deno.test("eight queries of 100,000 rows at once of each of three data sources are answered, and others meanwhile", async () => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-backend-" });
  const api = serveTrades();
  try {
    await using client = await GoClient.launch(await buildAll(folder));
    const settings = (uid: string): StepSettings => ({
      uid,
      updatedMs: 1,
      jsonData: { controlUrl: `http://127.0.0.1:${api.addr.port}`, timeoutMs: 120_000 },
      secure: { viewerToken: "any" },
    });
    const ask = async (uid: string, symbol: string, limit: number) => {
      const model = { kind: "trades", symbols: [symbol], limit };
      const queries = [{ refId: "A", from: TIME, to: TIME + 86_400_000, model }];
      const startedMs = performance.now();
      const { rows, failed } = await client.step("measure", { settings: settings(uid), queries, repeat: 1 });
      assert.equal(failed, "");
      assert.equal(rows, limit);
      return performance.now() - startedMs;
    };
    // The first calls compile.
    for (let at = 0; at < 20; at++) await ask("other", "WARM", 200);
    const alone = await ask("source-0", "S0", ROWS);
    for (const sources of [1, 3]) {
      let busy = true;
      const waits: number[] = [];
      const others = (async () => {
        while (busy) waits.push(await ask("other", "WARM", 200));
      })();
      const startedMs = performance.now();
      const times = await Promise.all(
        Array.from({ length: 8 * sources }, (_, at) => ask(`source-${at % sources}`, `S${at % 8}`, ROWS)),
      );
      const wholeMs = performance.now() - startedMs;
      busy = false;
      await others;
      const shown = [alone, wholeMs, Math.max(...waits)].map(Math.round);
      console.log(
        `${times.length} queries of ${ROWS} rows: one alone ${shown[0]} ms, all ${
          shown[1]
        } ms; ${waits.length} small ones meanwhile, ` +
          `the slowest ${shown[2]} ms; peak RSS ${Math.round(peakRssMb(client.pid))} MB`,
      );
      assert.ok(waits.length > 3, `only ${waits.length} small queries were answered meanwhile`);
    }
  } finally {
    await api.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});
