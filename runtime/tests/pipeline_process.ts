import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModuleStatus } from "../host/module_host.ts";
import { until } from "./until.ts";

export { until };

/** What a process of ours may take to answer or to end, ms: far more than it does on a slow machine. */
const PATIENCE_MS = 90_000;

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A command of ours in a process of its own, as a user would start it. */
export class CommandProcess {
  readonly lines: string[] = [];
  readonly pid: number;
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;

  constructor(args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      // As the tasks in deno.json start it.
      args: ["run", "-A", "--v8-flags=--max-semi-space-size=4", MAIN, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.ended = this.#child.status;
    this.#reading = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        this.lines.push(line);
        if (this.lines.length > 2000) this.lines.shift();
        if (Deno.env.get("CANDLEWIRE_TEST_VERBOSE")) console.log(`[${this.pid}] ${line}`);
      }
    }
  }

  /** The last lines it printed, for messages. */
  get tail(): string {
    return this.lines.slice(-25).join("\n");
  }

  /** Waits for a line that matches; no longer once the process has ended. */
  async line(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    let ended = false;
    void this.ended.then(() => this.#reading).then(() => ended = true);
    const match = await until(`a line ${pattern} of process ${this.pid}`, timeoutMs, () => {
      for (const line of this.lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      return ended ? "ended" : undefined;
    }, () => this.tail);
    if (match === "ended") throw new Error(`No line ${pattern}, the process has ended:\n${this.tail}`);
    return match;
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  /** Waits for its end and for the last it printed. Kills it and rejects when it goes on. */
  async stopped(timeoutMs = PATIENCE_MS): Promise<Deno.CommandStatus> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), timeoutMs);
    const ended = Promise.all([this.ended, this.#reading]);
    try {
      const [status] = await Promise.race([ended, late.promise]) ?? [];
      if (status !== undefined) return status;
    } finally {
      clearTimeout(timer);
    }
    this.kill();
    throw new Error(`Process ${this.pid} has not ended within ${timeoutMs} ms, it is killed:\n${this.tail}`);
  }

  /** Asks it to end and waits for it, as {@linkcode CommandProcess.stopped} does. */
  async stop(): Promise<Deno.CommandStatus> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    return await this.stopped();
  }
}

/** The exchange in a process of its own, frozen until it is told to run, with its admin path. */
export class TestExchange {
  readonly process: CommandProcess;
  readonly url: string;

  private constructor(process: CommandProcess, url: string) {
    this.process = process;
    this.url = url;
  }

  static async start(settings: Record<string, unknown>): Promise<TestExchange> {
    const args = Object.entries(settings).flatMap((
      [key, value],
    ) => ["--set", `${key}=${JSON.stringify(value)}`]);
    const process = new CommandProcess(["exchange", ...args]);
    try {
      const match = await process.line(/(http:\/\/127\.0\.0\.1:\d+)/, 30_000);
      return new TestExchange(process, match[1]!);
    } catch (error) {
      process.kill();
      throw error;
    }
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const body = await response.text();
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${body}`);
    return JSON.parse(body);
  }

  /**
   * Lets so many more trades happen, all symbols together, and freezes the market again. Rejects when they take longer than
   * at a hundred a second.
   */
  async run(trades: number): Promise<void> {
    const state = await this.get<{ trades: number }>("/admin/state");
    await this.post("/admin/run", { untilTrades: state.trades + trades }, PATIENCE_MS + trades * 10);
  }

  async post<T>(path: string, body: unknown = {}, timeoutMs = PATIENCE_MS): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}

/** `start` on an exchange of the test's own, in a data folder of the test's own. */
export class TestPipeline {
  readonly dataDir: string;
  readonly #args: string[];
  process!: CommandProcess;
  url = "";
  #tokens = { viewer: "", operator: "" };

  constructor(dataDir: string, settings: Record<string, unknown>) {
    this.dataDir = dataDir;
    this.#args = Object.entries({ "listen.port": 0, "postgres.port": 0, ...settings })
      .flatMap(([key, value]) => ["--set", `${key}=${JSON.stringify(value)}`]);
  }

  /** Starts it, also again after a kill, and waits until it is ready. */
  async start(timeoutMs = 90_000): Promise<void> {
    await Deno.remove(join(this.dataDir, "run", "endpoints.json")).catch(() => {});
    await Deno.mkdir(this.dataDir, { recursive: true });
    // PostgreSQL runs as another user when the tests run as root; where that user may not pass, its files would be put
    // elsewhere and stay there.
    await Deno.chmod(dirname(this.dataDir), 0o755);
    this.process = new CommandProcess([
      "start",
      "--source",
      "exchange",
      "--data-dir",
      this.dataDir,
      ...this.#args,
    ]);
    let ended = false;
    void this.process.ended.then(() => ended = true);
    await until("the pipeline to be ready", timeoutMs, async () => {
      if (ended) throw new Error("it ended");
      const endpoints = JSON.parse(await Deno.readTextFile(join(this.dataDir, "run", "endpoints.json")));
      this.url = endpoints.url;
      this.#tokens = JSON.parse(await Deno.readTextFile(join(this.dataDir, "tokens.json")));
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      const body = await response.text();
      if (!response.ok) throw new Error(body);
      return true;
    }, () => this.process.tail);
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      // Without it, logs would come as a stream that does not end.
      headers: { authorization: `Bearer ${this.#tokens.viewer}`, accept: "application/json" },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${body}`);
    return JSON.parse(body);
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#change("POST", path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.#change("DELETE", path);
  }

  async #change<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.request(method, path, { body, signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** A call under `/api/v1` by a role, whatever the answer, a stream too; without `body` nothing is sent. */
  async request(
    method: string,
    path: string,
    options: { role?: "viewer" | "operator" | null; body?: unknown; accept?: string; signal?: AbortSignal } =
      {},
  ): Promise<Response> {
    const { role = "operator", body, accept, signal } = options;
    // Until the head has come: a stream's body goes on.
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new Error(`${method} ${path}: no answer within ${PATIENCE_MS} ms`)),
      PATIENCE_MS,
    );
    try {
      return await fetch(`${this.url}/api/v1/${path}`, {
        method,
        headers: {
          ...role === null ? {} : { authorization: `Bearer ${this.#tokens[role]}` },
          ...body === undefined ? {} : { "content-type": "application/json" },
          ...accept === undefined ? {} : { accept },
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]),
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A module as the host tells of it; undefined when there is none of the name. */
  async module(name: string): Promise<ModuleStatus | undefined> {
    return (await this.get<{ modules: ModuleStatus[] }>("modules")).modules.find((one) => one.name === name);
  }

  /**
   * Waits until a killed module runs again. Ten kills in a minute use up its restart budget, as they should: then it is
   * started by hand, as an operator would.
   */
  async revived(name: string, killed: number, timeoutMs: number): Promise<void> {
    await until(`${name} to run again`, timeoutMs, async () => {
      const { module } = await this.get<{ module: { state: string; pid: number | null } }>(`modules/${name}`);
      if (module.state === "failed") {
        console.log(`${name}: its restart budget is used up; started by hand`);
        await this.post(`modules/${name}/start`);
      }
      return module.state === "running" && module.pid !== killed || undefined;
    }, () => this.process.tail);
  }

  /** Process of a part by name: a module, `postgres` or `host`. */
  async pidOf(part: string): Promise<number> {
    if (part === "host") return this.process.pid;
    if (part === "postgres") {
      const { postgresPidFile } = JSON.parse(
        await Deno.readTextFile(join(this.dataDir, "run", "endpoints.json")),
      );
      return Number((await Deno.readTextFile(postgresPidFile)).split("\n")[0]);
    }
    const { module } = await this.get<{ module: { pid: number | null } }>(`modules/${part}`);
    if (module.pid === null) throw new Error(`${part} does not run`);
    return module.pid;
  }
}
