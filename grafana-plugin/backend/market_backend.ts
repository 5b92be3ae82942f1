import { encodeArrow } from "./frame/arrow.ts";
import { checkHealth } from "./health/health.ts";
import { Gate } from "./instance/gate.ts";
import type { Instance } from "./instance/instance.ts";
import { MOST_ROWS } from "./instance/settings.ts";
import type { Instances } from "./instance/instances.ts";
import { answerFrames } from "./kind/answer.ts";
import { readKind, rowsAtMost } from "./kind/read_kind.ts";
import { requestOf } from "./kind/request.ts";
import { runChannel } from "./live/channel.ts";
import type { Metrics } from "./operation/metrics.ts";
import { problemOf, timedOut } from "./problem.ts";
import type {
  Backend,
  CallResourceRequest,
  DataAnswer,
  DataQuery,
  PluginContext,
  ResourceAnswer,
  SubscribeAnswer,
} from "./protocol/backend.ts";
import { answerResource } from "./resource/resources.ts";
import { parsePath } from "./live/channel_spec.ts";
import { runCql } from "./cql/run_cql.ts";

/** The longest time of a health check and of a resource, ms; Grafana's own patience is 30 s. */
const LOOK_MS = 12_000;

/** Queries of no more rows do not wait for large ones. */
const SMALL_ROWS = 10_000;

/** The data source behind the protocol: finds the instance, bounds the time, makes errors readable. */
export class MarketBackend implements Backend {
  readonly #instances: Instances;
  readonly #metrics: Metrics;
  /** Of all data sources. */
  readonly #large = new Gate(MOST_ROWS);

  constructor(instances: Instances, metrics: Metrics) {
    this.#instances = instances;
    this.#metrics = metrics;
  }

  async query(
    context: PluginContext,
    query: DataQuery,
    { signal }: { signal: AbortSignal },
  ): Promise<DataAnswer> {
    const startedMs = performance.now();
    let kind = "unknown";
    try {
      const { instance, release } = this.#instances.acquire(context);
      try {
        const frames = await within(instance.settings.timeoutMs, signal, async (signal) => {
          const request = requestOf(query, instance, signal);
          kind = request.kind;
          const answer = async () => {
            const found = await instance.gate.run(
              () => kind === "cql" ? runCql(request, instance) : readKind(request, instance),
              signal,
            );
            return answerFrames(found, request, { uid: instance.settings.uid }).map(encodeArrow);
          };
          const weight = rowsAtMost(request, instance.settings.maxRows);
          return weight <= SMALL_ROWS ? await answer() : await this.#large.run(answer, signal, { weight });
        });
        this.#metrics.query(kind, "ok", performance.now() - startedMs);
        return { frames, status: 200 };
      } finally {
        release();
      }
    } catch (error) {
      const { message, status, errorSource } = problemOf(error);
      this.#metrics.query(kind, "error", performance.now() - startedMs);
      return { frames: [], status, error: message, errorSource };
    }
  }

  health(context: PluginContext, signal: AbortSignal) {
    return this.#with(
      context,
      (instance) => within(LOOK_MS, signal, (signal) => checkHealth(instance, signal)),
    )
      .catch((error) => ({ ok: false, message: problemOf(error).message, details: {} }));
  }

  metrics(): string {
    return this.#metrics.text();
  }

  async resource(request: CallResourceRequest, signal: AbortSignal): Promise<ResourceAnswer> {
    try {
      return await this.#with(
        request.pluginContext!,
        (instance) => within(LOOK_MS, signal, (signal) => answerResource(request, instance, signal)),
      );
    } catch (error) {
      const { message, status } = problemOf(error);
      return { code: status, body: { error: message } };
    }
  }

  subscribe(_context: PluginContext, path: string): Promise<SubscribeAnswer> {
    const channel = parsePath(path);
    const known = channel !== undefined;
    return Promise.resolve(known ? "ok" : "not_found");
  }

  async *run(context: PluginContext, path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { instance, release } = this.#instances.acquire(context);
    this.#metrics.stream(1);
    try {
      for await (const packet of runChannel(instance, path, signal)) {
        this.#metrics.packet();
        yield packet;
      }
    } finally {
      this.#metrics.stream(-1);
      release();
    }
  }

  async #with<T>(context: PluginContext, work: (instance: Instance) => Promise<T>): Promise<T> {
    const { instance, release } = this.#instances.acquire(context);
    try {
      return await work(instance);
    } finally {
      release();
    }
  }
}

/** Ends what a call that is answered left behind. Made once: an exception with its stack costs as much as many a query's rows. */
const DONE = new DOMException("The call is answered", "AbortError");

/**
 * Runs `work` with a signal that fires when the caller's does or after `timeoutMs`, and rejects then even if `work` does not
 * heed it: Cassandra's driver cannot be interrupted.
 */
async function within<T>(
  timeoutMs: number,
  caller: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(timedOut(timeoutMs)), timeoutMs);
  const onCaller = () => abort.abort(caller.reason);
  caller.addEventListener("abort", onCaller, { once: true });
  if (caller.aborted) onCaller();
  const { signal } = abort;
  try {
    const working = work(signal);
    // It is answered already when this rejects.
    working.catch(() => {});
    return await new Promise<T>((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      working.then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    caller.removeEventListener("abort", onCaller);
    abort.abort(DONE);
  }
}
