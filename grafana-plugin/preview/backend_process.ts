import { create } from "@bufbuild/protobuf";
import { type Client, credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { CandlewireError } from "../../runtime/error.ts";
import {
  CallResourceRequestSchema,
  type CallResourceResponse,
  CheckHealthRequestSchema,
  type CheckHealthResponse,
  Data,
  Diagnostics,
  type PluginContext,
  PluginContextSchema,
  QueryDataRequestSchema,
  type QueryDataResponse,
  Resource,
  RunStreamRequestSchema,
  Stream,
  type StreamPacket,
  SubscribeStreamRequestSchema,
  type SubscribeStreamResponse,
} from "../backend/protocol/generated/backend_pb.ts";
import { serviceDefinition } from "../backend/protocol/grpc.ts";
import { frameJson } from "./arrow_frame_json.ts";
import type { BackendAnswer, BackendUser, DataSourceBackend } from "./data_source_backend.ts";
import { DATA_SOURCE_UID } from "./page_html.ts";

/** The data source as Grafana's server would keep it. */
export type DataSourceSettings = {
  pluginId: string;
  jsonData: Record<string, unknown>;
  secureJsonData: Record<string, string>;
};

/** How long the process may take to say where it serves, ms. */
const START_MS = 30_000;
/** Longest time of a call, ms, as Grafana's own default. */
const CALL_MS = 30_000;
/** Largest message, bytes. */
const MESSAGE_BYTES = 128_000_000;

/** No method of two of them has the same name. */
const SERVICES = [Data, Diagnostics, Resource, Stream];

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const json = (bytes: Uint8Array) => bytes.length === 0 ? null : JSON.parse(new TextDecoder().decode(bytes));

type Unary<Answer> = (
  request: unknown,
  options: { deadline: number },
  answered: (error: Error | null, answer?: Answer) => void,
) => { cancel(): void };
type Streaming<Answer> = (request: unknown) => AsyncIterable<Answer> & { cancel(): void };
/** The methods that are called, as grpc-js makes them of the services. */
type Stubs = {
  QueryData: Unary<QueryDataResponse>;
  CheckHealth: Unary<CheckHealthResponse>;
  CallResource: Streaming<CallResourceResponse>;
  SubscribeStream: Unary<SubscribeStreamResponse>;
  RunStream: Streaming<StreamPacket>;
};

/**
 * The data source's packaged backend in a process of its own, started and asked as Grafana's server does: empty environment but
 * for go-plugin's variables, handshake line, gRPC, Arrow frames.
 */
export class BackendProcess implements DataSourceBackend {
  readonly #child: Deno.ChildProcess;
  readonly #clients: Client[];
  readonly #stubs: Stubs;
  readonly #settings: () => DataSourceSettings;
  readonly #startedAt = BigInt(Date.now());

  private constructor(child: Deno.ChildProcess, address: string, settings: () => DataSourceSettings) {
    this.#child = child;
    this.#settings = settings;
    this.#clients = SERVICES.map((service) => {
      const Constructor = makeGenericClientConstructor(serviceDefinition(service), service.typeName);
      return new Constructor(address, credentials.createInsecure(), {
        "grpc.max_receive_message_length": MESSAGE_BYTES,
      });
    });
    const methods: Record<string, unknown> = {};
    for (const [index, service] of SERVICES.entries()) {
      const client = this.#clients[index] as unknown as Record<string, CallableFunction>;
      for (const { name } of service.methods) methods[name] = client[name]!.bind(client);
    }
    this.#stubs = methods as Stubs;
  }

  /**
   * Starts the executable. `settings` is read anew for each call, as Grafana sends them along. Rejects with
   * `plugin.backend_failed` when it does not say where it serves.
   */
  static async start(executable: string, settings: () => DataSourceSettings): Promise<BackendProcess> {
    const child = new Deno.Command(executable, {
      clearEnv: true,
      env: { grafana_plugin_type: "datasource", PLUGIN_PROTOCOL_VERSIONS: "2" },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let said = "";
    const late = setTimeout(() => child.kill("SIGKILL"), START_MS);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    while (!said.includes("\n")) {
      const { done, value } = await reader.read();
      if (done) break;
      said += value;
    }
    clearTimeout(late);
    await reader.cancel();
    const match = /^1\|2\|tcp\|(127\.0\.0\.1:\d+)\|grpc\n/.exec(said);
    if (match === null) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      throw new CandlewireError(
        "plugin.backend_failed",
        `Start ${executable}: its handshake is ${JSON.stringify(said)}`,
      );
    }
    return new BackendProcess(child, match[1]!, settings);
  }

  async query(body: unknown, user: BackendUser, signal: AbortSignal): Promise<BackendAnswer> {
    const { queries, from, to } = body as { queries: Record<string, unknown>[]; from: string; to: string };
    const answer = await this.#call(
      this.#stubs.QueryData,
      create(QueryDataRequestSchema, {
        pluginContext: this.#context(user),
        headers: {},
        queries: queries.map((query) => ({
          refId: String(query.refId),
          maxDataPoints: BigInt(Number(query.maxDataPoints ?? 1000)),
          intervalMS: BigInt(Math.round(Number(query.intervalMs ?? 1000))),
          timeRange: { fromEpochMS: BigInt(from), toEpochMS: BigInt(to) },
          json: text(query),
          queryType: String(query.queryType ?? ""),
        })),
      }),
      signal,
    );
    let failed = false;
    const results = Object.fromEntries(
      Object.entries(answer.responses).map(([refId, { frames, error, status, errorSource }]) => {
        failed ||= error !== "";
        return [refId, {
          status,
          frames: frames.map(frameJson),
          ...error === "" ? {} : { error, errorSource },
        }];
      }),
    );
    return { status: failed ? 400 : 200, body: { results } };
  }

  async health(user: BackendUser): Promise<BackendAnswer> {
    const request = create(CheckHealthRequestSchema, { pluginContext: this.#context(user), headers: {} });
    const { status, message, jsonDetails } = await this.#call(this.#stubs.CheckHealth, request);
    const ok = status === 1;
    return {
      status: ok ? 200 : 400,
      body: { status: ok ? "OK" : "ERROR", message, details: json(jsonDetails) },
    };
  }

  async resource(
    call: { method: string; path: string; search: string; body: string },
    user: BackendUser,
  ): Promise<BackendAnswer> {
    // Grafana answers with the first packet's status; ours sends one.
    const stream = this.#stubs.CallResource(
      create(CallResourceRequestSchema, {
        pluginContext: this.#context(user),
        path: call.path,
        method: call.method,
        url: `${call.path}${call.search}`,
        headers: {},
        body: new TextEncoder().encode(call.body),
      }),
    );
    for await (const { code, body } of stream) return { status: code, body: json(body) };
    return { status: 502, body: { message: "The backend gave no answer" } };
  }

  async *stream(path: string, user: BackendUser, signal: AbortSignal): AsyncGenerator<unknown> {
    const pluginContext = this.#context(user);
    const subscribed = await this.#call(
      this.#stubs.SubscribeStream,
      create(SubscribeStreamRequestSchema, { pluginContext, path, data: new Uint8Array(), headers: {} }),
      signal,
    );
    if (subscribed.status !== 0) {
      throw new CandlewireError("plugin.not_subscribed", `Subscribe to ${path}: status ${subscribed.status}`);
    }
    const request = create(RunStreamRequestSchema, {
      pluginContext,
      path,
      data: new Uint8Array(),
      headers: {},
    });
    const packets = this.#stubs.RunStream(request);
    const gone = () => packets.cancel();
    signal.addEventListener("abort", gone, { once: true });
    try {
      for await (const { data } of packets) yield json(data);
    } finally {
      signal.removeEventListener("abort", gone);
      packets.cancel();
    }
  }

  #context(user: BackendUser): PluginContext {
    const { pluginId, jsonData, secureJsonData } = this.#settings();
    return create(PluginContextSchema, {
      orgId: 1n,
      pluginId,
      user: { login: user.login, name: user.login, email: "", role: user.role },
      dataSourceInstanceSettings: {
        id: 1n,
        uid: DATA_SOURCE_UID,
        name: "Candlewire market",
        jsonData: text(jsonData),
        decryptedSecureJsonData: secureJsonData,
        lastUpdatedMS: this.#startedAt,
      },
    });
  }

  #call<Answer>(method: Unary<Answer>, request: unknown, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = method(request, { deadline: Date.now() + CALL_MS }, (error, answer) => {
        if (error === null) resolve(answer!);
        else reject(error);
      });
      signal?.addEventListener("abort", () => call.cancel(), { once: true });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
  }
}
