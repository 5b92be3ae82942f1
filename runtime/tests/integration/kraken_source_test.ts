import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openHost, until } from "../fault/host_fixture.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/modules/kraken_source/", import.meta.url));

/** What Kraken's server would send: https://docs.kraken.com/api/docs/websocket-v2/trade */
function frame(type: "snapshot" | "update", ids: number[]): string {
  const data = ids.map((id) =>
    `{"symbol":"BTC/USD","side":"${
      id % 2 ? "buy" : "sell"
    }","price":67123.10,"qty":0.000${id},"ord_type":"limit",` +
    `"trade_id":${id},"timestamp":"2024-11-22T10:00:0${id % 10}.123456Z"}`
  );
  return `{"channel":"trade","type":"${type}","data":[${data.join(",")}]}`;
}

/** A fixture server on a port of the system's choice; each connection plays the next script. */
function serveKraken(scripts: string[][]) {
  const subscriptions: unknown[] = [];
  const sockets: WebSocket[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    sockets.push(socket);
    socket.onmessage = ({ data }) => {
      subscriptions.push(JSON.parse(String(data)));
      socket.send('{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2"}]}');
      socket.send('{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true}');
      for (const text of scripts.shift() ?? []) socket.send(text);
      socket.send('{"channel":"heartbeat"}');
    };
    return response;
  });
  return { port: server.addr.port, subscriptions, sockets, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** Stands where the producer stands; refuses the first batch, as a producer does while its database is away. */
const PRODUCER = `
const rows = new Map(), gaps = [];
let refusals = 1;
export default async function main(context: any) {
  context.handle("rows", ({ batch }: any) => {
    if (refusals-- > 0) throw Object.assign(new Error("away"), { code: "x" });
    for (const trade of batch.recent_trades ?? []) rows.set(trade.trade_id, trade);
    gaps.push(...batch.completeness ?? []);
    return {};
  });
  context.handle("seen", () => ({ rows: [...rows.values()], gaps }));
  context.health("running");
  if (!context.signal.aborted) await new Promise((ok) => context.signal.addEventListener("abort", ok));
}
`;

Deno.test("a source of another venue is dropped into the modules folder and its trades reach the producer", async () => {
  await using kraken = serveKraken([
    [frame("snapshot", [1, 2, 3]), "no json", frame("update", [4]), frame("update", [5, 6])],
    [frame("snapshot", [8, 9]), frame("update", [10])],
  ]);
  const built = await Deno.makeTempDir();
  const producer = join(built, "producer.json");
  const refusing = PRODUCER.replace(
    'Object.assign(new Error("away"), { code: "x" })',
    `new CandlewireError("table.unavailable", "Write: away", { retry: "retry" })`,
  );
  const errorFile = new URL("../../error.ts", import.meta.url).href;
  await Deno.writeTextFile(
    join(built, "producer.ts"),
    `import { CandlewireError } from ${JSON.stringify(errorFile)};\n${refusing}`,
  );
  await Deno.writeTextFile(
    producer,
    JSON.stringify({ name: "producer", version: "1.0.0", kind: "producer", entry: "producer.ts" }),
  );
  const address = `127.0.0.1:${kraken.port}`;
  {
    await using fixture = await openHost({
      modules: [{ manifestFile: producer, parameters: {} }],
      config: { ceiling: { net: [address], read: [], write: [], calls: ["producer.rows"] } },
      userModules: { kraken_source: { parameters: { url: `ws://${address}/v2`, symbols: ["BTC/USD"] } } },
    });
    const { host, modulesFolder } = fixture;
    await install(join(modulesFolder, "kraken_source"), address);
    await until("the source", () => host.module("kraken_source")?.state === "running");
    const { permissions, digest, builtIn } = host.module("kraken_source")!;
    assert.deepEqual(permissions, { granted: [`net ${address}`, "calls producer.rows"], refused: [] });
    assert.deepEqual([digest.length, builtIn], [64, false]);

    type Seen = {
      rows: { trade_id: number; symbol: string; price: string; backfill: boolean }[];
      gaps: unknown[];
    };
    const seen = async () => await host.call("producer", "seen", {}) as Seen;
    await until("the first trades", async () => (await seen()).rows.length === 6);
    const { rows } = await seen();
    assert.deepEqual(rows.map(({ trade_id }) => trade_id), [1, 2, 3, 4, 5, 6]);
    assert.ok(
      rows.every(({ symbol, price }) => symbol === "KRAKEN:BTCUSD" && price === "67123.10"),
      "I9: digits are kept",
    );
    assert.deepEqual(kraken.subscriptions, [
      { method: "subscribe", params: { channel: "trade", symbol: ["BTC/USD"], snapshot: true } },
    ]);
    await until(
      "the bad frame, counted",
      () => host.module("kraken_source")!.metrics['candlewire_bad_frames_total{code="bad"}'] === 1,
    );

    kraken.sockets[0]!.close();
    await until("the trades after the cut", async () => (await seen()).rows.length === 9);
    const { gaps } = await seen();
    assert.deepEqual(
      gaps.map((gap) => [(gap as { first_id: number }).first_id, (gap as { last_id: number }).last_id]),
      [[7, 7]],
    );
    assert.deepEqual(host.module("kraken_source")!.violations, {});

    const { pid } = host.module("producer")!;
    await Deno.remove(join(modulesFolder, "kraken_source"), { recursive: true });
    await until("its end", () => host.module("kraken_source") === undefined);
    assert.equal(host.module("producer")!.pid, pid, "the rest runs on");
  }
  await Deno.remove(built, { recursive: true });
});

/** The example as it is in the repository, with the fixture's address in place of Kraken's. */
async function install(folder: string, address: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const file of ["main.ts", "kraken_trade.ts"]) {
    await Deno.copyFile(join(EXAMPLE, file), join(folder, file));
  }
  const manifest = await Deno.readTextFile(join(EXAMPLE, "manifest.json"));
  assert.ok(manifest.includes("ws.kraken.com:443"));
  await Deno.writeTextFile(join(folder, "manifest.json"), manifest.replace("ws.kraken.com:443", address));
}
