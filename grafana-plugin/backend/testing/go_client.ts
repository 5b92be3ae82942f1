import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { buildBackend } from "../build.ts";

/** A data source's settings as a step carries them. */
export type StepSettings = {
  uid: string;
  updatedMs: number;
  jsonData: Record<string, unknown>;
  secure: Record<string, string>;
};

/** A query of a step; times in epoch ms. */
export type StepQuery = { refId: string; from: number; to: number; intervalMs?: number; model: unknown };

/** A frame as grafana-plugin-sdk-go writes what it decoded. */
export type GoFrame = {
  schema: {
    name?: string;
    refId?: string;
    // deno-lint-ignore no-explicit-any
    meta?: any;
    fields: { name: string; type: string; typeInfo: { frame: string }; labels?: Record<string, string> }[];
  };
  data: { values: unknown[][] };
};

/** An answer of a query of a step. */
export type GoResponse = { status: number; error: string; errorSource: string; frames: GoFrame[] };

// deno-lint-ignore no-explicit-any
type Line = Record<string, any>;

/** Values of a frame's field by name; throws when there is none. */
export function valuesOf(frame: GoFrame, name: string): unknown[] {
  const at = frame.schema.fields.findIndex((field) => field.name === name);
  if (at < 0) {
    throw new Error(`No field ${name} among ${frame.schema.fields.map(({ name }) => name).join(", ")}`);
  }
  return frame.data.values[at]!;
}

/** Builds the backend and the client into a folder, as they are now. */
export async function buildAll(folder: string): Promise<{ client: string; backend: string }> {
  const client = join(folder, "testclient");
  const { code, stderr } = await new Deno.Command("go", {
    args: ["build", "-o", client, "."],
    cwd: fileURLToPath(new URL("../testclient", import.meta.url)),
    stderr: "piped",
  }).output();
  if (code !== 0) throw new Error(`Build the Go client: ${new TextDecoder().decode(stderr)}`);
  await buildBackend(folder);
  return { client, backend: join(folder, "gpx_candlewire_market_datasource_linux_amd64") };
}

/** The Go client with a backend that it launched: does steps, at once or one after the other. */
export class GoClient implements AsyncDisposable {
  readonly log: string[] = [];
  /** The backend's process. */
  pid = 0;
  readonly process: Deno.ChildProcess;
  readonly #waiting = new Map<string, (line: Line) => void>();
  readonly #packets = new Map<string, (packet: { at: number; frame: GoFrame }) => void>();
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<unknown>;
  /** The client's end, with all that it said. */
  readonly #over: Promise<void>;
  #count = 0;

  private constructor(process: Deno.ChildProcess) {
    this.process = process;
    this.#stdin = process.stdin.getWriter();
    this.#reading = Promise.all([
      lines(process.stdout, (line) => this.#take(JSON.parse(line))),
      lines(process.stderr, (line) => this.log.push(line)),
    ]);
    this.#over = process.status.then(() => this.#reading).catch(() => {}).then(() => this.#ended());
  }

  static async launch(paths: { client: string; backend: string }): Promise<GoClient> {
    const process = new Deno.Command(paths.client, {
      args: [paths.backend],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const client = new GoClient(process);
    const launched = await client.#answer("launch");
    if (launched.error !== undefined) throw new Error(launched.error);
    client.pid = launched.pid;
    return client;
  }

  /** Does a step; rejects with the error of the call. */
  async step(op: string, step: Record<string, unknown> = {}): Promise<Line> {
    const { id, answer } = this.begin(op, step);
    const line = await answer;
    if (line.error !== undefined) throw new Error(`Step ${op} ${id}: ${line.error}`);
    return line;
  }

  /** Begins a step that is to be cancelled or that sends packets. */
  begin(
    op: string,
    step: Record<string, unknown> = {},
    onPacket?: (packet: { at: number; frame: GoFrame }) => void,
  ): { id: string; answer: Promise<Line> } {
    const id = `${op}-${++this.#count}`;
    const answer = this.#answer(id);
    if (onPacket !== undefined) this.#packets.set(id, onPacket);
    const line = new TextEncoder().encode(JSON.stringify({ id, op, ...step }) + "\n");
    this.#stdin.write(line).catch(() => this.#over.then(() => this.#ended()));
    return { id, answer };
  }

  /** Queries at once; answers by refId. */
  async query(settings: StepSettings, queries: StepQuery[]): Promise<Record<string, GoResponse>> {
    return (await this.step("query", { settings, queries })).responses;
  }

  cancel(target: string): Promise<Line> {
    return this.step("cancel", { target });
  }

  #answer(id: string): Promise<Line> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #take(line: Line): void {
    if (line.packet !== undefined) this.#packets.get(line.packet)?.({ at: line.at, frame: line.frame });
    else {
      this.#waiting.get(line.id)?.(line);
      this.#waiting.delete(line.id);
    }
  }

  /** Whoever still waits is told that there will be no answer. */
  #ended(): void {
    const error = `The client has ended:\n${this.log.join("\n")}`;
    for (const id of [...this.#waiting.keys()]) this.#take({ id, error });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.process.status;
    await this.#reading;
  }
}

async function lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (line: string) => void) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const part of parts) if (part !== "") take(part);
  }
}
