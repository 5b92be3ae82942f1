import { join } from "node:path";
import { endProcess } from "../../runtime/end_process.ts";
import { CandlewireError } from "../../runtime/error.ts";
import { ROOT } from "../tools/paths.ts";

/** How long the demo may take to end in order, which stops its PostgreSQL too, ms. */
const END_MS = 120_000;

/** A control API and its tokens. */
export type Pipeline = { url: string; viewerToken: string; operatorToken: string };

/** The embedded demo in a process of its own, ended with the mini host. */
export class DemoProcess implements AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, pipeline: Pipeline) {
    this.#child = child;
    this.pipeline = pipeline;
  }

  /** Starts `demo` and waits until it is ready. Rejects with `plugin.no_pipeline` when it ends before. */
  static async start(dataDir: string, timeoutMs = 120_000): Promise<DemoProcess> {
    await Deno.remove(join(dataDir, "run", "endpoints.json")).catch(() => {});
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--config",
        "deno.json",
        "--v8-flags=--max-semi-space-size=4",
        "runtime/main.ts",
        "demo",
        "--port",
        "0",
        "--data-dir",
        dataDir,
      ],
      cwd: ROOT,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    let ended = false;
    void child.status.then(() => ended = true);
    const deadline = Date.now() + timeoutMs;
    while (!ended && Date.now() < deadline) {
      const pipeline = await readPipeline(dataDir).catch(() => undefined);
      if (pipeline !== undefined) return new DemoProcess(child, pipeline);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await endProcess(child, END_MS);
    throw new CandlewireError("plugin.no_pipeline", `Start the demo in ${dataDir}: it was not ready`, {
      hint: "Start `deno task demo` by itself to see why, or give a running one by --url and its tokens",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#child, END_MS);
  }
}

/** Address and tokens of the pipeline in a data folder, once it is ready. */
async function readPipeline(dataDir: string): Promise<Pipeline | undefined> {
  const { url } = JSON.parse(await Deno.readTextFile(join(dataDir, "run", "endpoints.json"))) as {
    url: string;
  };
  const tokens = JSON.parse(await Deno.readTextFile(join(dataDir, "tokens.json"))) as {
    viewer: string;
    operator: string;
  };
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
  await response.body?.cancel();
  return response.ok ? { url, viewerToken: tokens.viewer, operatorToken: tokens.operator } : undefined;
}
