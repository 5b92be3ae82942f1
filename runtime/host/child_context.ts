import { CandlewireError } from "../error.ts";
import { ChildMetrics } from "./child_metrics.ts";
import { decodeBody, encodeBody, encodeFrame, type Frame, isRecord } from "./frame.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { decodeWireError, encodeWireError, type StartMessage, thrownError } from "./message.ts";
import type { CallOptions, LogLevel, ModuleContext, ModuleHealth } from "./module_context.ts";

/** Log frames that may wait, in bytes; further lines are dropped and counted. */
const MAX_LOG_BACKLOG_BYTES = 1024 * 1024;
/** Calls that may wait for credit; further ones are refused. */
const MAX_WAITING_CALLS = 1024;
const DEFAULT_TIMEOUT_MS = 30_000;

type Handler = (parameters: unknown, from: string) => unknown | Promise<unknown>;
type PendingCall = { resolve(value: unknown): void; reject(error: unknown): void; done(): void };

/** The {@linkcode ModuleContext} of a child process: every method is a frame to the host. */
export class ChildContext implements ModuleContext {
  readonly name: string;
  readonly epoch: number;
  readonly origin: StartMessage["origin"];
  readonly parameters: Record<string, unknown>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly metrics: ChildMetrics = new ChildMetrics();
  readonly #writer: FrameWriter;
  readonly #stopping = new AbortController();
  readonly #handlers = new Map<string, Handler>();
  readonly #calls = new Map<number, PendingCall>();
  readonly #waiting: (() => void)[] = [];
  readonly #maxInFlight: number;
  #nextId = 1;
  #inFlight = 0;
  #publishCredit: number;
  #logDropped = 0;
  #health: ModuleHealth = "starting";

  constructor(start: StartMessage, writer: FrameWriter) {
    this.name = start.name;
    this.epoch = start.epoch;
    this.origin = start.origin;
    this.parameters = start.parameters;
    this.secrets = Object.freeze({ ...start.secrets });
    this.#writer = writer;
    this.#maxInFlight = start.maxInFlight;
    this.#publishCredit = start.publishCredit;
    // Users take methods off the context (`const { log } = context`): they must work without it.
    for (const method of ["log", "health", "publish", "call", "handle"] as const) {
      Object.defineProperty(this, method, { value: this[method].bind(this) });
    }
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void {
    if (this.#writer.pendingBytes > MAX_LOG_BACKLOG_BYTES) {
      this.#logDropped++;
      return;
    }
    const head = { level, message: String(message), dropped: this.#logDropped };
    this.#logDropped = 0;
    try {
      this.#writer.send(encodeFrame("log", fields === undefined ? head : { ...head, fields }));
    } catch {
      // Fields that are too large or cannot be written as JSON must not lose the line.
      this.#writer.send(encodeFrame("log", { ...head, message: head.message.slice(0, 4096) }));
    }
  }

  health(health: ModuleHealth, detail = ""): void {
    this.#health = health;
    this.#writer.send(encodeFrame("health", { health, detail: String(detail).slice(0, 4096) }));
  }

  publish(channel: string, event: Record<string, unknown>): boolean {
    const sent = this.#publishCredit > 0 &&
      this.#writer.send(encodeFrame("publish", { channel }, encodeBody(event)));
    if (sent) this.#publishCredit--;
    else this.metrics.count("candlewire_events_refused_total", 1, { channel });
    return sent;
  }

  async call(to: string, method: string, parameters: unknown, options: CallOptions = {}): Promise<unknown> {
    options.signal?.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const id = this.#nextId++;
    const frame = encodeFrame("request", { id, to, method, timeoutMs }, encodeBody(parameters));
    await this.#acquire(to, method);
    if (options.signal?.aborted) {
      this.#release();
      throw options.signal.reason;
    }
    return await new Promise((resolve, reject) => {
      const fail = (error: unknown) => reject(error);
      const onAbort = () => fail(options.signal!.reason);
      const timer = setTimeout(() => {
        fail(
          new CandlewireError("host.timeout", `Call ${to}.${method}: no answer within ${timeoutMs} ms`, {
            retry: "retry",
          }),
        );
      }, timeoutMs);
      options.signal?.addEventListener("abort", onAbort, { once: true });
      // The credit is given back when the host answers, not when the caller stops waiting.
      const done = () => {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", onAbort);
        this.#release();
      };
      this.#calls.set(id, { resolve, reject, done });
      if (!this.#writer.send(frame)) {
        this.#calls.delete(id);
        done();
        fail(
          new CandlewireError("host.overloaded", `Call ${to}.${method}: the way to the host is full`, {
            retry: "retry",
          }),
        );
      }
    });
  }

  handle(method: string, handler: Handler): void {
    this.#handlers.set(method, handler);
  }

  /** A frame of the host, other than the start. */
  receive(frame: Frame): void {
    switch (frame.kind) {
      case "stop":
        return this.#stopping.abort();
      case "credit":
        this.#publishCredit += Number(frame.head.events) || 0;
        return;
      case "request":
        return void this.#answer(frame);
      case "response":
        return this.#settle(frame);
    }
  }

  async #answer(frame: Frame): Promise<void> {
    const { id, method, from } = frame.head as { id: number; method: string; from: string };
    let answer: Uint8Array;
    try {
      const handler = this.#handlers.get(method);
      if (handler === undefined) {
        const starting = this.#health === "starting";
        throw new CandlewireError(
          starting ? "host.unreachable" : "host.unknown_method",
          `Call ${this.name}.${method}: ${starting ? "the module is starting" : "no such method"}`,
          { retry: starting ? "retry" : "never" },
        );
      }
      const decoded = decodeBody(frame.body);
      if ("error" in decoded) throw decoded.error;
      const result = await handler(decoded.value, from);
      answer = encodeFrame("response", { id }, encodeBody(result ?? null));
    } catch (error) {
      answer = encodeError(id, error);
    }
    this.#writer.send(answer);
  }

  #settle(frame: Frame): void {
    const call = this.#calls.get(frame.head.id as number);
    if (call === undefined) return;
    this.#calls.delete(frame.head.id as number);
    call.done();
    if (isRecord(frame.head.error)) return call.reject(thrownError(decodeWireError(frame.head.error)));
    const decoded = decodeBody(frame.body);
    if ("error" in decoded) call.reject(decoded.error);
    else call.resolve(decoded.value);
  }

  async #acquire(to: string, method: string): Promise<void> {
    if (this.#inFlight < this.#maxInFlight) {
      this.#inFlight++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING_CALLS) {
      throw new CandlewireError(
        "host.overloaded",
        `Call ${to}.${method}: ${this.#waiting.length} calls wait`,
        {
          retry: "retry",
        },
      );
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    const next = this.#waiting.shift();
    // The slot goes from the finished call to the waiting one.
    if (next !== undefined) next();
    else this.#inFlight--;
  }
}

function encodeError(id: number, error: unknown): Uint8Array {
  const wire = encodeWireError(error);
  try {
    return encodeFrame("response", { id, error: wire });
  } catch {
    return encodeFrame("response", {
      id,
      error: { code: wire.code, message: wire.message.slice(0, 4096), retry: wire.retry },
    });
  }
}
