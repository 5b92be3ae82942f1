import { parseArgs } from "node:util";
import { CandlewireError } from "./error.ts";
import type { ConfigPart } from "./config.ts";

/** What the command line asks for. */
export type Invocation = {
  command: "demo" | "start" | "exchange" | "help";
  /** Path of a configuration file. */
  configFile: string | null;
  /** What flags say, merged over the file. */
  part: ConfigPart;
  /** `--source FILE`: a recording to replay through the exchange. */
  recording: string | null;
  printConfig: boolean;
  /** Ends when its standard input closes: whoever started it is gone, however it went. */
  untilStdinCloses: boolean;
};

export const HELP =
  `Candlewire: market data from Binance through PostgreSQL, change data capture and a log into a store

  deno task demo       the whole pipeline on a simulated exchange, no network
  deno task start      the same on Binance's public market data
  deno task exchange   the Binance-compatible exchange alone
  deno task stack      the real servers of the cluster profile on this machine (up, down, status)
  deno task test       every test this machine can run (--full: all fault points)
  deno task bench      measured figures, each beside its control

Flags of demo, start and exchange
  --port N             port of the control API (8787); of the exchange with "exchange" (8788)
  --host ADDRESS       listen there (127.0.0.1); beyond loopback needs tokens in the configuration
  --data-dir FOLDER    folder of all state (demo: data/demo, start: data/live)
  --symbols A,B        symbols to keep (default: the 20 with the highest quote volume)
  --seed N             seed of the simulated market
  --speed X            1, 5, 20 … times real time, or max
  --rate N             trades a second of the simulated market at speed 1
  --config FILE        JSON; see --print-config
  --set a.b=VALUE      any key of the configuration (repeatable)
  --print-config       every key with its meaning and default

Flags of exchange
  --until-stdin-closes ends with the program that started it

Flags of start
  --source S           binance, exchange (one on this machine), or a recording's FILE
  --profile P          embedded, or cluster: Kafka, Debezium in Kafka Connect and Cassandra
  --only PART          this host runs producer, capture or consumer alone (cluster profile)
  --instances N        consumers of this host, which share the partitions (cluster profile)
  --original-times     keep a recording's own times (otherwise shifted to now; turns retention off)
`;

/**
 * Reads the command line. Throws `cli.usage` that names the argument and the remedy. Pure: the environment is not looked at.
 */
export function readCommandLine(args: string[]): Invocation {
  let parsed;
  try {
    parsed = parseArgs({
      args: args.slice(1),
      options: {
        port: { type: "string" },
        host: { type: "string" },
        "data-dir": { type: "string" },
        symbols: { type: "string" },
        seed: { type: "string" },
        speed: { type: "string" },
        rate: { type: "string" },
        config: { type: "string" },
        set: { type: "string", multiple: true },
        source: { type: "string" },
        profile: { type: "string" },
        only: { type: "string" },
        instances: { type: "string" },
        "original-times": { type: "boolean" },
        "print-config": { type: "boolean" },
        "until-stdin-closes": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: false,
    });
  } catch (error) {
    throw usage((error as Error).message);
  }
  const flags = parsed.values;
  const command = flags.help ? "help" : args[0] ?? "help";
  if (!["demo", "start", "exchange", "help", "--help", "-h"].includes(command)) {
    throw usage(`Run "${command}": no such command`);
  }
  const part: ConfigPart = {};
  const put = (path: string, value: unknown) => {
    const keys = path.split(".");
    let at = part;
    for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as ConfigPart;
    at[keys.at(-1)!] = value;
  };
  const number = (flag: string, text: string) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) throw usage(`Read --${flag}: "${text}" is no number`);
    return value;
  };
  let recording: string | null = null;

  if (command === "demo") put("source.kind", "exchange");
  if (flags.port !== undefined) {
    put(command === "exchange" ? "exchange.server.port" : "listen.port", number("port", flags.port));
  }
  if (flags.host !== undefined) {
    put(command === "exchange" ? "exchange.server.host" : "listen.host", flags.host);
  }
  if (flags["data-dir"] !== undefined) put("dataDir", flags["data-dir"]);
  if (flags.symbols !== undefined) {
    const symbols = flags.symbols.split(",").map((symbol) => symbol.trim().toUpperCase()).filter((symbol) =>
      symbol !== ""
    );
    if (symbols.length === 0) throw usage(`Read --symbols: "${flags.symbols}" names none`);
    put("symbols", symbols);
  }
  if (flags.seed !== undefined) put("exchange.market.seed", number("seed", flags.seed));
  if (flags.speed !== undefined) {
    put("exchange.server.speed", flags.speed === "max" ? "max" : number("speed", flags.speed));
  }
  if (flags.rate !== undefined) put("exchange.market.ratePerSecond", number("rate", flags.rate));
  if (flags["original-times"]) put("exchange.market.originalTimes", true);
  if (flags.profile !== undefined) put("profile", flags.profile);
  if (flags.only !== undefined) put("only", flags.only);
  if (flags.instances !== undefined) put("instances", number("instances", flags.instances));
  if (flags.source !== undefined) {
    if (flags.source === "binance" || flags.source === "exchange") put("source.kind", flags.source);
    else {
      recording = flags.source;
      put("source.kind", "exchange");
      put("exchange.market.source", flags.source.split(","));
    }
  }
  for (const assignment of flags.set ?? []) {
    const at = assignment.indexOf("=");
    if (at < 1) throw usage(`Read --set ${assignment}: it has no "="`);
    const text = assignment.slice(at + 1);
    let value: unknown = text;
    try {
      value = JSON.parse(text);
    } catch {
      // Plain text is a string.
    }
    put(assignment.slice(0, at), value);
  }
  return {
    command: command.startsWith("-") ? "help" : command as Invocation["command"],
    configFile: flags.config ?? null,
    part,
    recording,
    printConfig: flags["print-config"] ?? false,
    untilStdinCloses: flags["until-stdin-closes"] ?? false,
  };
}

function usage(message: string): CandlewireError {
  return new CandlewireError("cli.usage", message, { retry: "operator", hint: "See deno task start --help" });
}
