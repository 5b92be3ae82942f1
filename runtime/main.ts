import { join } from "node:path";
import { HELP, type Invocation, readCommandLine } from "./cli.ts";
import {
  type Config,
  type ConfigPart,
  describeConfig,
  parseConfigFile,
  readConfig,
  VERBATIM_KEYS,
} from "./config.ts";
import { resolveEnvironment } from "./environment_reference.ts";
import { CandlewireError } from "./error.ts";
import { untilAborted } from "./wait.ts";
import { isSimulated } from "./market/origin.ts";

// A tool beside the pipeline, with flags of its own.
if (Deno.args[0] === "stack") Deno.exit(await runStack(Deno.args.slice(1)));

const invocation = attempt(() => readCommandLine(Deno.args));
if (invocation.printConfig) {
  console.log(describeConfig());
  Deno.exit(0);
}

const stopping = new AbortController();
/** A signal that comes twice for one Ctrl-C, from the terminal and from a task runner, is one. */
const SAME_SIGNAL_MS = 1_000;
let stoppingSince = Infinity;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => {
    if (performance.now() - stoppingSince > SAME_SIGNAL_MS) {
      // Modules and the exchange end with us; an embedded PostgreSQL is adopted by the next start.
      console.log(`${name} again: ended without waiting for what is under way`);
      Deno.exit(130);
    }
    if (stopping.signal.aborted) return;
    stoppingSince = performance.now();
    console.log(`${name}: stopping; once more ends it at once`);
    stopping.abort();
  });
}

try {
  switch (invocation.command) {
    case "demo":
    case "start":
      await runPipeline(configOf(invocation));
      break;
    case "exchange": {
      // Loaded on demand: the exchange needs none of the pipeline, and the other way round.
      const { runExchange } = await import("./exchange/server/run_exchange.ts");
      const { market, server } = configOf(invocation).exchange;
      if (invocation.untilStdinCloses) void stdinClosed().then(() => stopping.abort());
      await runExchange({ market, server, signal: stopping.signal, print: console.log });
      break;
    }
    case "help":
      console.log(HELP);
  }
} catch (error) {
  if (!stopping.signal.aborted) fail(error);
}
Deno.exit(0);

async function runPipeline(config: Config): Promise<void> {
  const { assertProfile, startPipeline } = await import("./pipeline.ts");
  assertProfile(config);
  const started = performance.now();
  const print = (line: string) => console.log(line);
  await using pipeline = await startPipeline(config, { print, signal: stopping.signal });
  if (isSimulated(pipeline.origin)) print(`SIMULATED data: ${pipeline.origin.label}`);
  await pipeline.ready(stopping.signal);
  print(`Ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  print(`Console   ${pipeline.control.loginUrl}  (works once; later: sign in with a token)`);
  const tokens = config.tokens === null
    ? `tokens in ${join(config.dataDir, "tokens.json")}`
    : "tokens as configured";
  print(`API       ${pipeline.control.url}/docs  ${tokens}`);
  print("Ctrl-C stops it");
  await untilAborted(stopping.signal);
}

/** The servers of the cluster profile. Ctrl-C stops what a starting `up` has started; what serves goes on. */
async function runStack(args: string[]): Promise<number> {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => interrupted.abort());
  }
  const { runStackCommand } = await import("./stack/command.ts");
  try {
    return await runStackCommand(args, {
      environment: {
        path: Deno.env.get("PATH") ?? "/usr/bin:/bin",
        javaHome: Deno.env.get("JAVA_HOME"),
        home: Deno.env.get("HOME"),
      },
      print: (line) => console.log(line),
      signal: interrupted.signal,
    });
  } catch (error) {
    if (!interrupted.signal.aborted) fail(error);
    console.log("Interrupted");
    return 1;
  }
}

async function stdinClosed(): Promise<void> {
  for await (const _ of Deno.stdin.readable) {
    // Nothing is expected there.
  }
}

/** File, then flags; each source, profile and part has a data folder of its own unless one is named. */
function configOf(invocation: Invocation): Config {
  return attempt(() => {
    const file: ConfigPart = invocation.configFile === null ? {} : resolveEnvironment(
      parseConfigFile(readFile(invocation.configFile), invocation.configFile),
      Deno.env.toObject(),
      { file: invocation.configFile, verbatim: VERBATIM_KEYS },
    );
    const config = readConfig(file, invocation.part);
    const named = "dataDir" in file || "dataDir" in invocation.part;
    const name = config.source.kind === "binance"
      ? "live"
      : invocation.recording === null
      ? "demo"
      : "recording";
    const profile = config.profile === "cluster" ? "-cluster" : "";
    const part = config.only === null ? "" : `-${config.only}`;
    return named ? config : { ...config, dataDir: join(config.dataDir, `${name}${profile}${part}`) };
  });
}

function readFile(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new CandlewireError(
      "config.unreadable",
      `Read the configuration ${path}: ${(error as Error).message}`,
      {
        hint: "Give the path of a JSON file that this user may read with --config",
      },
    );
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): never {
  if (error instanceof CandlewireError) {
    console.error(
      `Error (${error.code}): ${error.message}${error.hint === undefined ? "" : `\n  ${error.hint}`}`,
    );
  } else console.error(error);
  Deno.exit(1);
}
