import { CandlewireError } from "../error.ts";
import { encodeFrame } from "./frame.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { type Answer, encodeWireError } from "./message.ts";

/** A call on its way to a child. */
export type OutgoingCall = { method: string; from: string; body: Uint8Array; timeoutMs?: number };

/** Options of {@linkcode ModuleCalls}. */
export type ModuleCallsOptions = {
  /** The callee's name, for messages. */
  name: string;
  /** Calls the child may have in work at once: 64, and 1 for a transform, so that its time is measured alone. */
  maxInFlight: number;
  /** Calls and bytes that may wait for credit (256, 32 MiB); further ones are answered `host.overloaded`. */
  maxWaiting?: number;
  maxWaitingBytes?: number;
  /** A transform's time limit of one call; `onLimit` is told, which kills it. */
  limitMs?: number;
  onLimit?: () => void;
};

type Pending = {
  resolve(answer: Answer): void;
  timer?: ReturnType<typeof setTimeout>;
  limit?: ReturnType<typeof setTimeout>;
};
type Waiting = OutgoingCall & { resolve(answer: Answer): void; deadline: number };

/** How long a call waits for its answer when the caller does not say. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** A limit that strikes later than this was held up with the host, ms. */
const LATE_MS = 100;

/**
 * The calls that the host has sent to one child and that wait for an answer, or for credit to be sent. Every call is
 * answered exactly once: by the child, by its deadline, or by the child's end.
 */
export class ModuleCalls {
  readonly #writer: FrameWriter;
  readonly #options: ModuleCallsOptions;
  readonly #pending = new Map<number, Pending>();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #nextId = 1;
  #closed: CandlewireError | undefined;

  constructor(writer: FrameWriter, options: ModuleCallsOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** Calls in work. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Sends the call, or lets it wait for credit. Never rejects: failures are answers. */
  request(call: OutgoingCall): Promise<Answer> {
    if (this.#closed !== undefined) return Promise.resolve(failed(this.#closed));
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const deadline = performance.now() + (call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    if (this.#pending.size < this.#options.maxInFlight) {
      this.#send({ ...call, resolve, deadline });
      return promise;
    }
    const { name, maxWaiting = 256, maxWaitingBytes = 32 * 1024 * 1024 } = this.#options;
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + call.body.length > maxWaitingBytes) {
      return Promise.resolve(failed(
        new CandlewireError(
          "host.overloaded",
          `Call ${name}.${call.method}: ${this.#waiting.length} calls wait`,
          {
            retry: "retry",
          },
        ),
      ));
    }
    this.#waiting.push({ ...call, resolve, deadline });
    this.#waitingBytes += call.body.length;
    return promise;
  }

  /** The child's answer. False when nothing was asked under this id: a violation of the protocol. */
  settle(id: number, answer: Answer): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    clearTimeout(pending.timer);
    clearTimeout(pending.limit);
    this.#pending.delete(id);
    pending.resolve(answer);
    this.#sendWaiting();
    return true;
  }

  /** The child is gone: everything is answered with this error. */
  close(error: CandlewireError): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    for (const { resolve, timer, limit } of this.#pending.values()) {
      clearTimeout(timer);
      clearTimeout(limit);
      resolve(failed(error));
    }
    this.#pending.clear();
    for (const { resolve } of this.#waiting) resolve(failed(error));
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #send(call: Waiting): void {
    const { name, limitMs, onLimit } = this.#options;
    const waitMs = call.deadline - performance.now();
    if (waitMs <= 0) return call.resolve(failed(timedOut(name, call.method)));
    const id = this.#nextId++;
    let frame: Uint8Array;
    try {
      frame = encodeFrame("request", { id, method: call.method, from: call.from }, call.body);
    } catch (error) {
      return call.resolve(failed(error));
    }
    if (!this.#writer.send(frame)) {
      return call.resolve(failed(
        new CandlewireError("host.overloaded", `Call ${name}.${call.method}: it does not read its input`, {
          retry: "retry",
        }),
      ));
    }
    const pending: Pending = { resolve: call.resolve };
    // After its deadline the call keeps its place until the child answers or ends: credit counts work, not patience.
    pending.timer = setTimeout(() => call.resolve(failed(timedOut(name, call.method))), waitMs);
    if (limitMs !== undefined) {
      const due = performance.now() + limitMs;
      const strike = () => {
        call.resolve(failed(
          new CandlewireError(
            "transform.timeout",
            `Call ${name}.${call.method}: not done within ${limitMs} ms`,
            {
              retry: "retry",
              hint: "Make the transform faster, or raise its timeoutMs",
            },
          ),
        ));
        onLimit?.();
      };
      pending.limit = setTimeout(() => {
        // Timers come before what can be read: the answer may lie in the pipe. Or the child was held up as we were.
        if (performance.now() - due > LATE_MS) pending.limit = setTimeout(strike, limitMs);
        else strike();
      }, limitMs);
    }
    this.#pending.set(id, pending);
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#pending.size < this.#options.maxInFlight) {
      const call = this.#waiting.shift()!;
      this.#waitingBytes -= call.body.length;
      this.#send(call);
    }
  }
}

/** An error as an answer. */
export function failed(error: unknown): Answer {
  return { ok: false, error: encodeWireError(error) };
}

function timedOut(name: string, method: string): CandlewireError {
  return new CandlewireError("host.timeout", `Call ${name}.${method}: no answer in time`, { retry: "retry" });
}
