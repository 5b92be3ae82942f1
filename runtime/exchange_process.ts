import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConfigPart } from "./config.ts";
import { endProcess } from "./end_process.ts";
import { CandlewireError, errorText } from "./error.ts";
import type { Origin } from "./market/origin.ts";
import { wait } from "./wait.ts";

/** An exchange in a process of its own, so that its work never slows the host. */
export type ExchangeProcess = {
  readonly pid: number;
  readonly restUrl: string;
  readonly wsUrl: string;
  readonly origin: Origin;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
};

/** How long it may take to say its address: a large market is opened first, ms. */
const START_MS = 120_000;
/** How long it may take to end, ms. */
const STOP_MS = 20_000;

/** Starts `exchange` with a part of the configuration and waits until it answers. */
export async function startExchangeProcess(
  options: { folder: string; part: ConfigPart; print: (line: string) => void },
): Promise<ExchangeProcess> {
  await Deno.mkdir(options.folder, { recursive: true });
  const configFile = join(options.folder, "exchange.json");
  await Deno.writeTextFile(configFile, JSON.stringify(options.part));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      fileURLToPath(new URL("main.ts", import.meta.url)),
      "exchange",
      "--until-stdin-closes",
      "--config",
      configFile,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ended = child.status.then(() => {});
  const found = Promise.withResolvers<string>();
  const lastLines: string[] = [];
  const follow = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!.slice(-4096);
      for (const line of lines) {
        const address = /https?:\/\/[\w.:[\]]+/.exec(line)?.[0];
        if (address !== undefined) found.resolve(address);
        lastLines.push(line);
        if (lastLines.length > 12) lastLines.shift();
        if (line.trim() !== "") options.print(`exchange: ${line.trim()}`);
      }
    }
  };
  const reading = Promise.all([follow(child.stdout), follow(child.stderr)]);
  const failed = (how: string) =>
    new CandlewireError("exchange.start_failed", `Start the exchange: ${lastLines.join(" ").trim() || how}`, {
      retry: "operator",
      hint: "deno task exchange shows it alone",
    });
  const stop = async () => {
    await endProcess(child, STOP_MS);
    await reading;
  };
  const begun = new AbortController();
  let restUrl: string;
  let origin: Origin;
  try {
    restUrl = await Promise.race([
      found.promise,
      ended.then(async () => {
        await reading;
        throw failed("it ended");
      }),
      wait(START_MS, begun.signal).then(() => {
        throw failed(`no address after ${START_MS / 1000} s`);
      }),
    ]);
    origin = await exchangeOrigin(restUrl);
  } catch (error) {
    // It would keep its port.
    await stop();
    throw error;
  } finally {
    begun.abort();
  }
  return {
    pid: child.pid,
    restUrl,
    wsUrl: restUrl.replace(/^http/, "ws"),
    origin,
    ended,
    stop,
  };
}

/** How long a dead exchange waits before it is started again, ms. */
const RESTART_MS = 500;

/**
 * An exchange that is started again, on the same port, when its process ends by itself. It goes on with its ids, so its
 * readers only have to connect again.
 */
export async function keepExchange(
  options: { folder: string; market: ConfigPart; server: ConfigPart; print: (line: string) => void },
): Promise<{ restUrl: string; wsUrl: string; origin: Origin } & AsyncDisposable> {
  const { folder, market, server, print } = options;
  const start = (changes: ConfigPart) =>
    startExchangeProcess({
      folder,
      part: { exchange: { market, server: { ...server, ...changes } } },
      print,
    });
  let exchange = await start({});
  const { restUrl, wsUrl, origin } = exchange;
  const port = Number(new URL(restUrl).port);
  const stopping = new AbortController();
  const watching = (async () => {
    while (true) {
      await exchange.ended;
      if (stopping.signal.aborted) return;
      print("warn: The exchange ended by itself: starting it again");
      await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
      if (stopping.signal.aborted) return;
      try {
        const next = await start({ port });
        if (stopping.signal.aborted) return await next.stop();
        exchange = next;
      } catch (error) {
        print(`warn: ${errorText(error)}`);
      }
    }
  })();
  return {
    restUrl,
    wsUrl,
    origin,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await exchange.stop();
      await watching;
    },
  };
}

/** Asks an exchange of ours where its numbers come from. Rejects with `exchange.unreachable`. */
export async function exchangeOrigin(restUrl: string): Promise<Origin> {
  try {
    const response = await fetch(`${restUrl}/admin/origin`, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const { kind, id, label } = await response.json();
    return { kind, id, label };
  } catch (error) {
    throw new CandlewireError("exchange.unreachable", `Ask the exchange at ${restUrl}: ${errorText(error)}`, {
      retry: "retry",
      hint: "Start it with deno task exchange, or leave out source.restUrl to have one started",
      cause: error,
    });
  }
}
