import type {
  CallResourceRequest,
  DataQuery,
  PluginContext,
  QueryDataRequest,
} from "./generated/backend_pb.ts";

export type { CallResourceRequest, DataQuery, PluginContext, QueryDataRequest };

/** What one query, by its refId, is answered with. */
export type DataAnswer = {
  /** Frames in Arrow's file format. */
  frames: Uint8Array[];
  error?: string;
  /** HTTP's meaning: 200, 400 (the query is wrong), 502 (what is asked does not answer) … */
  status: number;
  /** Whose fault an error is: `downstream` is what the backend asks. */
  errorSource?: "plugin" | "downstream";
};

/** Answer of a resource call. */
export type ResourceAnswer = { code: number; body: unknown };

/** Answer of a subscription. */
export type SubscribeAnswer = "ok" | "not_found" | "permission_denied";

/**
 * A data source behind the protocol; `server.ts` speaks for it. Methods reject only by mistake: what goes wrong with a
 * query is in its answer. `signal` fires when the caller has gone or the longest time has passed.
 */
export interface Backend {
  /** One query of a request. */
  query(
    context: PluginContext,
    query: DataQuery,
    options: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<DataAnswer>;
  health(
    context: PluginContext,
    signal: AbortSignal,
  ): Promise<{ ok: boolean; message: string; details: unknown }>;
  /** Prometheus text of the process. */
  metrics(): string;
  resource(request: CallResourceRequest, signal: AbortSignal): Promise<ResourceAnswer>;
  subscribe(context: PluginContext, path: string): Promise<SubscribeAnswer>;
  /** Frames of a channel as JSON, until `signal` fires. Rejects when it cannot go on: Grafana runs it again. */
  run(context: PluginContext, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
