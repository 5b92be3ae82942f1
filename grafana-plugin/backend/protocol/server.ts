import { create } from "@bufbuild/protobuf";
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  status as grpcStatus,
} from "@grpc/grpc-js";
import type { Log } from "../operation/log.ts";
import type { Backend, DataAnswer } from "./backend.ts";
import * as pb from "./generated/backend_pb.ts";
import * as go from "./generated/go_plugin_pb.ts";
import * as health from "./generated/health_pb.ts";
import { serviceDefinition } from "./grpc.ts";

/** Bytes of a message at most; Grafana's own side takes 16 MiB unless it is configured, resources may be larger. */
const MAX_MESSAGE = 64 * 1024 * 1024;
const SERVING = 1;

/** Options of {@linkcode serveBackend}. */
export type ServeOptions = {
  log: Log;
  /** Grafana asks the process to end. */
  onShutdown: () => void;
};

/** `-1` lifts grpc-js's limit of what is sent. */
const CHANNEL = { "grpc.max_receive_message_length": MAX_MESSAGE, "grpc.max_send_message_length": -1 };

/**
 * Serves a backend on a free port of loopback by plain gRPC, as go-plugin expects where it set no mTLS, and answers with
 * the port. `@grpc/grpc-js` was chosen over connect-node: it brings flow control and cancellation of Go's client as they are
 * specified, and one framework less.
 */
export async function serveBackend(
  backend: Backend,
  options: ServeOptions,
): Promise<{ port: number; close(): void }> {
  const server = new Server(CHANNEL);
  const { log } = options;
  server.addService(serviceDefinition(pb.Data), {
    QueryData: unary(
      log,
      async (call: ServerUnaryCall<pb.QueryDataRequest, pb.QueryDataResponse>, signal) => {
        const answers = await queryAll(backend, call.request, signal);
        const responses = Object.fromEntries(answers.map(([refId, answer]) => [refId, dataResponse(answer)]));
        return create(pb.QueryDataResponseSchema, { responses });
      },
    ),
    QueryChunkedData: (call: ServerWritableStream<pb.QueryChunkedDataRequest, pb.QueryChunkedDataResponse>) =>
      serverStream(log, call, async (signal) => {
        // Each query is sent as it is ready.
        await Promise.all(call.request.queries.map(async (query) => {
          const [, answer] = (await queryAll(backend, { ...call.request, queries: [query] }, signal))[0]!;
          for (const message of chunks(query.refId, answer)) await write(call, message);
        }));
      }),
  });
  server.addService(serviceDefinition(pb.Diagnostics), {
    CheckHealth: unary(
      log,
      async (call: ServerUnaryCall<pb.CheckHealthRequest, pb.CheckHealthResponse>, signal) => {
        const { ok, message, details } = await backend.health(contextOf(call.request), signal);
        return create(pb.CheckHealthResponseSchema, {
          status: ok ? pb.CheckHealthResponse_HealthStatus.OK : pb.CheckHealthResponse_HealthStatus.ERROR,
          message,
          jsonDetails: jsonBytes(details),
        });
      },
    ),
    CollectMetrics: unary(
      log,
      () => {
        const prometheus = new TextEncoder().encode(backend.metrics());
        return Promise.resolve(create(pb.CollectMetricsResponseSchema, { metrics: { prometheus } }));
      },
    ),
  });
  server.addService(serviceDefinition(pb.Resource), {
    CallResource: (call: ServerWritableStream<pb.CallResourceRequest, pb.CallResourceResponse>) =>
      serverStream(log, call, async (signal) => {
        const { code, body } = await backend.resource(call.request, signal);
        const headers = { "content-type": { values: ["application/json"] } };
        await write(call, create(pb.CallResourceResponseSchema, { code, headers, body: jsonBytes(body) }));
      }),
  });
  server.addService(serviceDefinition(pb.Stream), {
    SubscribeStream: unary(
      log,
      async (call: ServerUnaryCall<pb.SubscribeStreamRequest, pb.SubscribeStreamResponse>) => {
        const answer = await backend.subscribe(contextOf(call.request), call.request.path);
        return create(pb.SubscribeStreamResponseSchema, { status: SUBSCRIBED[answer] });
      },
    ),
    // Nobody but the backend has anything to say on its channels.
    PublishStream: unary(
      log,
      () => {
        const status = pb.PublishStreamResponse_Status.PERMISSION_DENIED;
        return Promise.resolve(create(pb.PublishStreamResponseSchema, { status }));
      },
    ),
    RunStream: (call: ServerWritableStream<pb.RunStreamRequest, pb.StreamPacket>) =>
      serverStream(log, call, async (signal) => {
        for await (const data of backend.run(contextOf(call.request), call.request.path, signal)) {
          await write(call, create(pb.StreamPacketSchema, { data }));
        }
      }),
  });
  addHost(server, options);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      ServerCredentials.createInsecure(),
      (error, port) => error === null ? resolve(port) : reject(error),
    )
  );
  return { port, close: () => server.forceShutdown() };
}

const SUBSCRIBED = {
  ok: pb.SubscribeStreamResponse_Status.OK,
  not_found: pb.SubscribeStreamResponse_Status.NOT_FOUND,
  permission_denied: pb.SubscribeStreamResponse_Status.PERMISSION_DENIED,
};

/** What go-plugin itself wants of every plugin. */
function addHost(server: Server, { log, onShutdown }: ServeOptions): void {
  server.addService(serviceDefinition(go.GRPCController), {
    Shutdown: (_call: unknown, answer: sendUnaryData<unknown>) => {
      answer(null, { $typeName: "google.protobuf.Empty" });
      onShutdown();
    },
  });
  server.addService(serviceDefinition(go.GRPCBroker), {
    StartStream: (call: ServerDuplexStream<go.ConnInfo, go.ConnInfo>) => {
      call.on("data", () => {});
      call.on("end", () => call.end());
      call.on("error", () => {});
    },
  });
  server.addService(serviceDefinition(go.GRPCStdio), {
    // Stays open and silent: the host takes its end for the plugin's.
    StreamStdio: (call: ServerWritableStream<unknown, go.StdioData>) => {
      call.on("cancelled", () => call.end());
      call.on("error", () => {});
    },
  });
  server.addService(serviceDefinition(health.Health), {
    Check: unary(log, () => Promise.resolve(create(health.HealthCheckResponseSchema, { status: SERVING }))),
    Watch: (call: ServerWritableStream<unknown, health.HealthCheckResponse>) => {
      call.on("error", () => {});
      call.write(create(health.HealthCheckResponseSchema, { status: SERVING }));
    },
  });
}

/** All queries of a request at once; each is answered, whatever becomes of the others. */
function queryAll(
  backend: Backend,
  request: Pick<pb.QueryDataRequest, "pluginContext" | "queries" | "headers">,
  signal: AbortSignal,
): Promise<[string, DataAnswer][]> {
  const context = contextOf(request);
  return Promise.all(request.queries.map(async (query): Promise<[string, DataAnswer]> => {
    try {
      return [query.refId, await backend.query(context, query, { headers: request.headers, signal })];
    } catch (error) {
      return [query.refId, { frames: [], status: 500, errorSource: "plugin", error: textOf(error) }];
    }
  }));
}

function dataResponse({ frames, error, status, errorSource }: DataAnswer): pb.DataResponse {
  return create(pb.DataResponseSchema, {
    frames,
    error: error ?? "",
    status,
    errorSource: errorSource ?? "",
    format: pb.DataFrameFormat.ARROW,
  });
}

function* chunks(refId: string, answer: DataAnswer): Generator<pb.QueryChunkedDataResponse> {
  const { frames, error = "", status, errorSource = "" } = answer;
  const common = { refId, status, errorSource, format: pb.DataFrameFormat.ARROW };
  for (const [at, frame] of frames.entries()) {
    yield create(pb.QueryChunkedDataResponseSchema, { ...common, frameId: `${refId}-${at}`, frame });
  }
  if (error !== "" || frames.length === 0) {
    yield create(pb.QueryChunkedDataResponseSchema, { ...common, frameId: `${refId}-error`, error });
  }
}

/** A handler of one answer; its signal fires when the caller gives up. */
function unary<Request, Answer>(
  log: Log,
  handle: (call: ServerUnaryCall<Request, Answer>, signal: AbortSignal) => Promise<Answer>,
) {
  return (call: ServerUnaryCall<Request, Answer>, answer: sendUnaryData<Answer>) => {
    const abort = new AbortController();
    call.on("cancelled", () => abort.abort(new DOMException("The caller has gone", "AbortError")));
    handle(call, abort.signal).then(
      (message) => answer(null, message),
      (error) => {
        log("error", "A call failed", { path: call.getPath(), error: textOf(error) });
        answer({ code: grpcStatus.INTERNAL, details: textOf(error) });
      },
    );
  };
}

/** A handler of many answers. */
function serverStream<Request, Answer>(
  log: Log,
  call: ServerWritableStream<Request, Answer>,
  handle: (signal: AbortSignal) => Promise<void>,
): void {
  const abort = new AbortController();
  const cancel = () => abort.abort(new DOMException("The caller has gone", "AbortError"));
  call.on("cancelled", cancel);
  call.on("close", cancel);
  call.on("error", cancel);
  handle(abort.signal).then(
    () => call.end(),
    (error) => {
      if (abort.signal.aborted) return call.end();
      log("warn", "A stream has ended", { path: call.getPath(), error: textOf(error) });
      call.emit("error", { code: grpcStatus.UNAVAILABLE, details: textOf(error) });
    },
  );
}

/** Writes and waits while the reader is slow; what nobody reads any more is dropped. */
function write<Answer>(call: ServerWritableStream<unknown, Answer>, message: Answer): Promise<void> {
  if (call.cancelled || call.destroyed || call.write(message)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "close", "cancelled"]) call.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "cancelled"]) call.on(event, done);
  });
}

function contextOf(request: { pluginContext?: pb.PluginContext }): pb.PluginContext {
  return request.pluginContext ?? create(pb.PluginContextSchema);
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
