import assert from "node:assert/strict";
import { fixture, OPERATOR, T0, VIEWER } from "../../../runtime/control/control_fixture.ts";
import { eventually } from "../../../runtime/tests/until.ts";
import { startControl } from "../../../runtime/control/control.ts";
import type { TradeRow } from "../../../runtime/market/table.ts";
import { TcpProxy } from "../../../runtime/tests/tcp_proxy.ts";
import { Instance } from "../instance/instance.ts";
import { runChannel } from "./channel.ts";
import { EventStreams } from "./event_streams.ts";

// Streams on the real control API, through a proxy that breaks connections.

type ApiOptions = NonNullable<Parameters<typeof fixture>[0]>;

/** The control API over memory adapters; `trade` stores trades and publishes them as consumers do. */
async function startApi(options: ApiOptions = {}, port = 0) {
  const f = fixture({ ...options, listen: { hostname: "127.0.0.1", port } });
  // Only its adapters are needed; the app is started anew with a socket.
  await f.close();
  const control = await startControl(f.given);
  const { query, host } = f;
  const trade = (from: number, to: number, more: { symbol?: string; omitted?: number } = {}) => {
    const { symbol = "BTCUSDT", omitted } = more;
    const trades = tradesOf(from, to, symbol);
    query.rows.trades.push(...trades);
    host.publish("trades", { symbol, trades: trades.slice(omitted ?? 0), omitted });
  };
  /** Trades that are in the store alone, or published alone. */
  const stored = (from: number, to: number) => void query.rows.trades.push(...tradesOf(from, to));
  const published = (from: number, to: number) =>
    host.publish("trades", { symbol: "BTCUSDT", trades: tradesOf(from, to) });
  return { control, query, host, trade, stored, published, port: Number(new URL(control.url).port) };
}

function tradesOf(from: number, to: number, symbol = "BTCUSDT"): TradeRow[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({
    symbol,
    trade_id: from + at,
    price: "100.5",
    quantity: "0.25",
    trade_time: T0 + (from + at) * 1000 as never,
    is_buyer_maker: false,
    backfill: false,
  }));
}

/** A data source behind a proxy before the API, and what its streams sent. */
async function start(options: ApiOptions & { silenceMs?: number } = {}) {
  const api = await startApi(options);
  const proxy = new TcpProxy({ hostname: "127.0.0.1", port: api.port });
  const settings = {
    uid: "market",
    controlUrl: `http://127.0.0.1:${proxy.port}`,
    viewerToken: VIEWER,
    cassandra: undefined,
    timeoutMs: 10_000,
    maxRows: 1000,
  };
  const instance = new Instance(settings);
  const { silenceMs } = options;
  if (silenceMs !== undefined) {
    Object.assign(instance, { events: new EventStreams(instance.control!, { silenceMs }) });
  }
  const streams: Stream[] = [];
  const stream = (path: string) => {
    const begun = new Stream(instance, path);
    streams.push(begun);
    return begun;
  };
  const rig = {
    api,
    proxy,
    instance,
    stream,
    /** Ends the API; what comes after it is another process, at the same address. */
    async restart(options: ApiOptions = {}, whileAway = async () => {}) {
      await rig.api.control.close();
      await whileAway();
      rig.api = await startApi(options, rig.api.port);
      return rig.api;
    },
    async [Symbol.asyncDispose]() {
      for (const one of streams) await one.end();
      await proxy[Symbol.asyncDispose]();
      await rig.api.control.close();
    },
  };
  return rig;
}

class Stream {
  readonly ids: number[] = [];
  readonly notices: string[] = [];
  failure: unknown;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;

  constructor(instance: Instance, path: string) {
    this.#ended = (async () => {
      for await (const bytes of runChannel(instance, path, this.#abort.signal)) {
        const { schema } = JSON.parse(new TextDecoder().decode(bytes));
        this.notices.push(
          ...schema.meta.notices.filter(({ severity }: { severity: string }) => severity === "warning")
            .map(({ text }: { text: string }) => text),
        );
        this.ids.push(...valuesOf(bytes, "trade_id"));
      }
    })().catch((error) => void (this.failure = error));
  }

  async has(id: number): Promise<void> {
    await eventually(
      () => this.ids.includes(id) || this.failure !== undefined,
      `trade ${id}, there are ${this.ids}, ${this.notices}`,
    );
    assert.equal(this.failure, undefined);
  }

  async end(): Promise<void> {
    this.#abort.abort();
    await this.#ended;
  }
}

function valuesOf(packet: Uint8Array, field: string): number[] {
  const { schema, data } = JSON.parse(new TextDecoder().decode(packet));
  return data.values[schema.fields.findIndex(({ name }: { name: string }) => name === field)];
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

Deno.test("paths of a channel share one connection, and none loses or doubles rows when another joins or leaves", async () => {
  await using rig = await start();
  const { api, instance, stream } = rig;
  instance.answered.set("trades/BTCUSDT", 29);
  const first = stream("trades/BTCUSDT");
  api.trade(30, 31);
  await first.has(31);
  const same = stream("trades/BTCUSDT/table/9/time.trade_id");
  await same.has(31);
  // Joins with a symbol that the connection lacks, while trades come.
  const others = ["ETHUSDT", "ADAUSDT", "币安人生USDT"].map((symbol) => stream(`trades/${encoded(symbol)}`));
  for (let id = 32; id <= 200; id++) {
    api.trade(id, id);
    for (const symbol of ["ETHUSDT", "ADAUSDT", "币安人生USDT"]) api.trade(id, id, { symbol });
    if (id % 10 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  for (const one of [first, same, ...others]) await one.has(200);
  await others[0]!.end();
  api.trade(201, 201);
  api.trade(201, 201, { symbol: "ADAUSDT" });
  for (const one of [first, same, others[1]!]) await one.has(201);
  assert.deepEqual(first.ids, range(30, 201));
  assert.deepEqual(same.ids, range(30, 201));
  for (const [at, one] of others.entries()) {
    const last = at === 1 ? 201 : 200;
    // Those of before it was there are the state; the first that it reads depends on when it joined.
    assert.deepEqual(one.ids, range(one.ids[0]!, last));
  }
  assert.equal(api.control.parts.hub.readers, 1);
  assert.deepEqual([first, same, ...others].flatMap(({ notices }) => notices), []);
  for (const one of [first, same, ...others]) await one.end();
  await eventually(() => api.control.parts.hub.readers === 0, "the connection to be closed");
});

Deno.test("more symbols than the event stream narrows to share one connection too", async () => {
  await using rig = await start();
  const { api, stream } = rig;
  const symbols = Array.from({ length: 60 }, (_, at) => `S${at}USDT`);
  for (const symbol of symbols) api.trade(1, 1, { symbol });
  const streams = symbols.map((symbol) => stream(`trades/${symbol}`));
  for (const one of streams) await one.has(1);
  await eventually(() => api.control.parts.hub.readers === 1, "one connection");
  for (const symbol of symbols) api.trade(2, 2, { symbol });
  for (const one of streams) await one.has(2);
  assert.deepEqual(streams.map(({ ids }) => ids), symbols.map(() => [1, 2]));
});

/** A stream of trades that a query answered up to 29, which has read on to 31. */
async function streaming(rig: Awaited<ReturnType<typeof start>>): Promise<Stream> {
  rig.instance.answered.set("trades/BTCUSDT", 29);
  const stream = rig.stream("trades/BTCUSDT");
  rig.api.trade(30, 31);
  await stream.has(31);
  return stream;
}

Deno.test("a connection that is cut goes on where it was: nothing is lost, nothing comes twice", async () => {
  await using rig = await start();
  const stream = await streaming(rig);
  rig.proxy.cut();
  // They are in no store: only the event stream can bring them.
  for (let id = 32; id <= 100; id++) rig.api.published(id, id);
  rig.proxy.restore();
  await stream.has(100);
  assert.deepEqual(stream.ids, range(30, 100));
  assert.deepEqual(stream.notices, []);
});

Deno.test("a control API that is away is told of once, and what was stored meanwhile is read when it is back", async () => {
  await using rig = await start();
  const stream = await streaming(rig);
  const late = rig.stream("trades/BTCUSDT/table/9");
  await late.has(31);
  const api = await rig.restart({}, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: rig.api.port });
    let refused = 0;
    while (refused < 3) {
      (await listener.accept()).close();
      refused++;
    }
  });
  api.stored(30, 400);
  api.trade(401, 401);
  // It may have come before the connection was there.
  await eventually(() => api.control.parts.hub.readers === 1, "the connection to be open again");
  api.trade(402, 402);
  for (const one of [stream, late]) {
    await one.has(402);
    assert.deepEqual(one.ids, range(30, 402));
    assert.equal(one.notices.length, 1, one.notices.join("\n"));
    assert.match(
      one.notices[0]!,
      /^The stream is interrupted: query\.unavailable: Ask the control API at http/,
    );
  }
});

Deno.test("what a reader that is too slow was not sent is read from the store", async () => {
  await using rig = await start({ settings: { maxReaderBytes: 16_384 } });
  const stream = await streaming(rig);
  rig.api.trade(32, 331);
  rig.api.trade(332, 332);
  await stream.has(332);
  assert.equal(rig.api.control.parts.hub.figures.oversized, 1);
  assert.deepEqual(stream.ids, range(30, 332));
  assert.deepEqual(stream.notices, []);
});

Deno.test("a path that is not taken from holds a bounded number of events, and reads what it missed", async () => {
  await using rig = await start();
  const { api, instance } = rig;
  const other = await streaming(rig);
  const abort = new AbortController();
  const held = runChannel(instance, "trades/BTCUSDT", abort.signal)[Symbol.asyncIterator]();
  const ids: number[] = [];
  let packets = 0;
  const take = async () => {
    ids.push(...valuesOf((await held.next()).value, "trade_id"));
    packets++;
  };
  await take();
  for (let id = 32; id <= 600; id++) api.trade(id, id);
  await other.has(600);
  while (!ids.includes(600)) await take();
  assert.deepEqual(ids, range(30, 600));
  assert.equal(packets, 2, "all that waited is one packet");
  abort.abort();
  await held.next();
});

Deno.test("a state that cannot be read is told, changes still come, and it is read once it can be", async () => {
  await using rig = await start();
  const { api } = rig;
  api.query.failure = new Error("the store is busy");
  rig.instance.answered.set("trades/BTCUSDT", 19);
  const stream = rig.stream("trades/BTCUSDT");
  await eventually(() => stream.notices.length > 0, "the notice");
  assert.match(stream.notices[0]!, /^The stream goes on without its state: /);
  api.trade(30, 31);
  await stream.has(31);
  assert.deepEqual(stream.ids, [30, 31]);
  api.query.failure = undefined;
  let id = 31;
  await eventually(() => {
    api.trade(++id, id);
    return stream.ids.includes(20);
  }, "what was missed");
  await stream.has(id);
  assert.deepEqual([...stream.ids].sort((a, b) => a - b), range(20, id));
  assert.equal(stream.notices.length, 1);
});

Deno.test("a connection that is silent without end is opened again", async () => {
  await using rig = await start({ silenceMs: 3_000, settings: { heartbeatMs: 100 } });
  const stream = await streaming(rig);
  rig.proxy.hold();
  rig.api.published(32, 32);
  // The old connection stays held: the proxy lets only those pass that come after it.
  await eventually(() => stream.notices.length > 0, "the silence to be noticed");
  assert.match(stream.notices[0]!, /it does not answer$/);
  rig.proxy.restore();
  rig.api.published(33, 33);
  await stream.has(33);
  assert.deepEqual(stream.ids, range(30, 33));
  assert.equal(stream.notices.length, 1);
});

Deno.test("a token that is refused while streaming ends all paths with the remedy", async () => {
  await using rig = await start();
  const stream = await streaming(rig);
  const other = rig.stream("trades/ETHUSDT");
  const tokens = { viewer: "another-token-of-the-tests", operator: OPERATOR, source: "generated" as const };
  await rig.restart({ tokens });
  for (const one of [stream, other]) {
    await eventually(() => one.failure !== undefined, "the stream to end");
    assert.equal((one.failure as { code: string }).code, "query.unauthorized");
  }
  const api = await rig.restart();
  api.stored(30, 40);
  // The next one begins anew.
  await rig.stream("trades/BTCUSDT").has(40);
});

Deno.test("trades between a query's last and the newest come first; of too many the number is told", async () => {
  await using rig = await start();
  const { api, instance } = rig;
  instance.answered.set("trades/BTCUSDT", 29);
  api.stored(30, 1_500);
  const whole = rig.stream("trades/BTCUSDT");
  await whole.has(1_500);
  assert.deepEqual(whole.ids, range(30, 1_500));
  await whole.end();
  api.stored(1_501, 6_000);
  const cut = rig.stream("trades/BTCUSDT");
  await cut.has(6_000);
  assert.deepEqual(cut.ids, range(1_001, 6_000));
  assert.deepEqual(cut.notices, ["971 trades before these are left out: refresh the panel to read them"]);
  await cut.end();
  instance.answered.clear();
  const fresh = rig.stream("trades/BTCUSDT");
  await fresh.has(6_000);
  assert.deepEqual(fresh.ids, range(5_951, 6_000));
});

Deno.test("trades that the stream leaves out are told", async () => {
  await using rig = await start();
  const stream = await streaming(rig);
  rig.api.trade(32, 201, { omitted: 120 });
  await stream.has(201);
  assert.deepEqual(stream.ids, [30, 31, ...range(152, 201)]);
  assert.deepEqual(stream.notices, [
    "120 trades are not in the stream here: refresh the panel to read them",
  ]);
});

function encoded(symbol: string): string {
  return encodeURIComponent(symbol).replaceAll("%", "=");
}
