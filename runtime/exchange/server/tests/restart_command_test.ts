import assert from "node:assert/strict";
import { call, StreamClient, until } from "../testing/stream_client.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
const SYMBOLS = ["BTCUSDT", "ETHUSDT"];
const LIVES = 3;

/** The command as a user starts it. `lines` are what it printed. */
async function startCommand(args: string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "exchange", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  let ended = false;
  const reading = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) text += chunk;
    ended = true;
  })();
  let url = "";
  try {
    await until("the exchange's address", () => {
      url = /Exchange on (http:\S+)/.exec(text)?.[1] ?? "";
      if (url === "" && ended) throw new Error(`The exchange ended: ${text}`);
      return url !== "";
    });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    url,
    wsUrl: url.replace("http", "ws"),
    async kill() {
      child.kill("SIGKILL");
      const { signal } = await child.status;
      await reading;
      assert.equal(signal, "SIGKILL");
    },
  };
}

/** What a trade's frame and REST tell alike. */
type Trade = { id: number; price: string; qty: string; time: number; isBuyerMaker: boolean };

Deno.test("I3: the command, killed while a client listens, goes on with its ids and contradicts nothing that it told", async () => {
  const folder = await Deno.makeTempDir();
  const told = new Map(SYMBOLS.map((symbol) => [symbol, new Map<number, Trade>()]));
  const books = new Map<string, { u: number; U: number }[]>(SYMBOLS.map((symbol) => [symbol, []]));
  let exchange: Awaited<ReturnType<typeof startCommand>> | undefined;
  try {
    for (let life = 0; life <= LIVES; life++) {
      const begun = Date.now();
      exchange = await startCommand([
        ...["--port", "0", "--seed", "5", "--rate", "900"],
        ...["--set", `exchange.market.folder=${folder}/market`],
        ...["--set", `exchange.market.symbols=${JSON.stringify(SYMBOLS)}`],
        ...["--set", "exchange.market.historyHours=1"],
        ...["--set", "exchange.market.checkpointSteps=700"],
      ]);
      for (const symbol of SYMBOLS) await checkTold(exchange, symbol, told.get(symbol)!);
      if (life === LIVES) break;
      const names = SYMBOLS.flatMap((
        symbol,
      ) => [`${symbol.toLowerCase()}@trade`, `${symbol.toLowerCase()}@depth@100ms`]);
      await using client = await StreamClient.open(`${exchange.wsUrl}/stream?streams=${names.join("/")}`);
      // A progress marker, never a time.
      await until("frames of this life", () => client.frames.length > 400 + 300 * life);
      await exchange.kill();
      await until("the end of the connection", () => client.closed !== undefined);
      for (const { data } of client.json()) {
        // The time in which it was dead was skipped: nothing happens at a time that had passed when it was started.
        assert.ok(data.E >= begun, `event time ${data.E} in a life that began at ${begun}`);
        if (data.e === "depthUpdate") books.get(data.s)!.push(data);
        else {
          const { t: id, p: price, q: qty, T: time, m: isBuyerMaker } = data;
          assert.ok(!told.get(data.s)!.has(id), `trade ${id} of ${data.s} was told twice`);
          told.get(data.s)!.set(id, { id, price, qty, time, isBuyerMaker });
        }
      }
      exchange = undefined;
    }
    for (const [symbol, diffs] of books) {
      for (const [i, diff] of diffs.entries()) {
        const before = diffs[i - 1];
        assert.ok(before === undefined || diff.U > before.u, `${symbol}: update ids were told twice`);
      }
      const { status } = await call(
        exchange!,
        `/admin/truth/book?symbol=${symbol}&updateId=${diffs.at(-1)!.u}`,
      );
      assert.equal(status, 200, `the book of ${symbol} at the last update id told`);
    }
  } finally {
    await exchange?.kill();
    await Deno.remove(folder, { recursive: true });
  }
});

/** Everything between the first and the last trade told is there by REST, without a gap, as it was told. */
async function checkTold(exchange: { url: string }, symbol: string, told: Map<number, Trade>): Promise<void> {
  if (told.size === 0) return;
  const last = Math.max(...told.keys());
  let compared = 0;
  for (let next = Math.min(...told.keys()); next <= last;) {
    const { body: page } = await call(
      exchange,
      `/api/v3/historicalTrades?symbol=${symbol}&fromId=${next}&limit=1000`,
    );
    assert.ok(page.length > 0, `trade ${next} of ${symbol} is gone`);
    for (const { id, price, qty, time, isBuyerMaker } of page) {
      assert.equal(id, next++, `ids of ${symbol} go on without a gap`);
      const before = told.get(id);
      if (before === undefined) continue;
      assert.deepEqual({ id, price, qty, time, isBuyerMaker }, before);
      compared++;
    }
  }
  assert.equal(compared, told.size);
}
