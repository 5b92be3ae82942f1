import { adviceText, CandlewireError } from "../error.ts";
import { AUDIT_PREFIX } from "./audit_line.ts";
import { decodeBody, encodeBody, encodeFrame, FrameDecoder } from "./frame.ts";
import { FrameWriter } from "./frame_writer.ts";
import {
  type Answer,
  type ChildMessage,
  decodeChildFrame,
  type StartMessage,
  type WireError,
} from "./message.ts";
import { failed, ModuleCalls, type OutgoingCall } from "./module_calls.ts";
import { Throttle } from "./throttle.ts";

/** Why a process ended, in one word. */
export type ExitCause =
  /** It was told to stop, and did. */
  | "stopped"
  /** `main` returned without being told to. */
  | "returned"
  /** `main` failed, or its code did not load. */
  | "error"
  /** It called exit, or was killed by someone else. */
  | "exit"
  | "killed"
  /** Killed by the host: */
  | "hang"
  | "memory"
  | "protocol"
  | "timeout"
  | "start_timeout"
  | "drain_deadline";

/** How a process ended. */
export type ProcessExit = {
  code: number | null;
  signal: string | null;
  cause: ExitCause;
  /** One line for people. */
  detail: string;
};

/** What a {@linkcode ModuleProcess} tells its owner. */
export type ProcessEvents = {
  onMessage(message: Exclude<ChildMessage, { kind: "response" | "goodbye" | "request" }>): void;
  /** A call of the child; the answer goes back to it. */
  onCall(to: string, call: OutgoingCall): Promise<Answer>;
  onStderr(line: string): void;
  /** Something it must not do, counted under this name. */
  onViolation(kind: string, detail: string): void;
};

/** Options of {@linkcode ModuleProcess}. */
export type ModuleProcessOptions = {
  start: StartMessage;
  builtIn: boolean;
  /** A transform's time limit of one call. */
  limitMs?: number;
  events: ProcessEvents;
};

/** What the host takes in of a user module: bytes a second, each frame counted as this many bytes more. */
const STDOUT_BYTES_PER_SECOND = 64 * 1024 * 1024;
const FRAME_COST_BYTES = 2048;
const STDERR_BYTES_PER_SECOND = 512 * 1024;
const MAX_LINE = 4096;
/** Time between the end of a process's pipes and its own, ms. */
const CLOSE_GRACE_MS = 500;
/** Time between a module's goodbye and the end of its process, ms. */
const GOODBYE_MS = 2_000;
const OUT_OF_MEMORY = /out of memory|OOM|Array buffer allocation failed|heap limit/i;

/** One running child: frames in and out, calls with credit, stderr as lines, and its end. */
export class ModuleProcess {
  readonly pid: number;
  readonly calls: ModuleCalls;
  /** Resolves once, when the process is gone and waited for. */
  readonly exited: Promise<ProcessExit>;
  /** When the last frame of any kind came, on the monotonic clock. */
  lastHeardAt: number = performance.now();
  readonly #child: Deno.ChildProcess;
  readonly #writer: FrameWriter;
  readonly #options: ModuleProcessOptions;
  #incoming = 0;
  #killCause: ExitCause | undefined;
  #killDetail = "";
  #goodbye: { error?: WireError } | undefined;
  #stopping = false;
  #ended = false;
  #stderrTail: string[] = [];

  constructor(child: Deno.ChildProcess, options: ModuleProcessOptions) {
    this.#child = child;
    this.#options = options;
    this.pid = child.pid;
    const stdin = child.stdin.getWriter();
    this.#writer = new FrameWriter((bytes) => stdin.write(bytes), {
      maxPendingBytes: 64 * 1024 * 1024,
      onError: () => this.#lost("stdin"),
    });
    const { start, limitMs } = options;
    this.calls = new ModuleCalls(this.#writer, {
      name: start.name,
      maxInFlight: limitMs === undefined ? start.maxInFlight : 1,
      limitMs,
      onLimit: () => this.kill("timeout", `Kill ${start.name}: a batch took longer than ${limitMs} ms`),
    });
    this.#writer.send(encodeFrame("start", {}, encodeBody(start)));
    this.exited = this.#run();
  }

  /** Asks it to drain and return. */
  stop(): void {
    this.#stopping = true;
    this.#writer.send(encodeFrame("stop"));
  }

  /** Ends it at once. The first cause counts. */
  kill(cause: ExitCause, detail: string): void {
    if (this.#ended) return;
    this.#killCause ??= cause;
    this.#killDetail ||= detail;
    try {
      // Deno refuses once it has waited for the process, so no other process with this pid can be hit.
      this.#child.kill("SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }

  async #run(): Promise<ProcessExit> {
    const reading = Promise.all([this.#readFrames(), this.#readStderr()]);
    const status = await this.#child.status;
    this.#ended = true;
    // What it said last is still in the pipes; a grandchild cannot hold them open, for no module may run programs.
    await reading;
    const exit = this.#exitOf(status);
    this.calls.close(
      new CandlewireError(
        "host.unreachable",
        `Call ${this.#options.start.name}: its process ended (${exit.cause})`,
        {
          retry: "retry",
        },
      ),
    );
    await this.#child.stdin.abort?.().catch(() => {});
    return exit;
  }

  async #readFrames(): Promise<void> {
    const decoder = new FrameDecoder();
    const throttle = this.#options.builtIn ? undefined : new Throttle(STDOUT_BYTES_PER_SECOND);
    for await (const chunk of this.#child.stdout) {
      const { frames, error } = decoder.push(chunk);
      for (const frame of frames) {
        const message = decodeChildFrame(frame);
        if (message instanceof CandlewireError) this.#violate("protocol", message.message);
        else this.#receive(message);
      }
      if (error !== undefined) this.#violate("protocol", error.message);
      if (this.#killCause !== undefined) continue;
      const waitMs = throttle?.take(chunk.length + frames.length * FRAME_COST_BYTES) ?? 0;
      if (waitMs > 0) await this.#pause(waitMs);
    }
    this.#lost("stdout");
  }

  /** Does something unless the process has ended by then. */
  #later(ms: number, act: () => void): void {
    if (this.#ended) return;
    const timer = setTimeout(() => {
      if (!this.#ended) act();
    }, ms);
    void this.#child.status.then(() => clearTimeout(timer));
  }

  /** A pipe of the protocol closed: if the process does not end by itself, it closed it on purpose. */
  #lost(pipe: string): void {
    this.#later(CLOSE_GRACE_MS, () => this.#violate("protocol", `Read ${pipe}: closed by the module`));
  }

  #receive(message: ChildMessage): void {
    this.lastHeardAt = performance.now();
    switch (message.kind) {
      case "response":
        if (!this.#options.builtIn && message.answer.ok) {
          const decoded = decodeBody(message.answer.body);
          if ("error" in decoded) {
            this.#violate("protocol", decoded.error.message);
            message = { ...message, answer: failed(decoded.error) };
          }
        }
        if (!this.calls.settle(message.id, message.answer)) {
          this.#violate("protocol", `Read a response to call ${message.id}, which is not open`);
        }
        return;
      case "request":
        return void this.#relay(message);
      case "goodbye":
        this.#goodbye = message;
        this.#later(GOODBYE_MS, () => this.kill("drain_deadline", "It said goodbye and stayed"));
        return;
      default:
        return this.#options.events.onMessage(message);
    }
  }

  async #relay(message: ChildMessage & { kind: "request" }): Promise<void> {
    const { start, builtIn, events } = this.#options;
    if (++this.#incoming > start.maxInFlight) {
      return this.#violate("protocol", `Read call ${message.id}: more than ${start.maxInFlight} in flight`);
    }
    const checked = builtIn ? { value: undefined } : decodeBody(message.body);
    const answer = "error" in checked ? failed(checked.error) : await events.onCall(message.to, {
      method: message.method,
      from: start.name,
      body: message.body,
      timeoutMs: message.timeoutMs,
    });
    this.#incoming--;
    if (this.#ended) return;
    const frame = encodeAnswer(message.id, answer);
    // Answers to 64 calls at most wait for it; if even they do not fit, it reads nothing.
    if (!this.#writer.send(frame)) this.#violate("protocol", "Write an answer: it does not read its input");
  }

  /** Gives credit for events back. */
  grantEvents(events: number): void {
    this.#writer.send(encodeFrame("credit", { events }));
  }

  async #readStderr(): Promise<void> {
    const throttle = new Throttle(STDERR_BYTES_PER_SECOND);
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#child.stderr) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      // A line without end is cut; what is kept is bounded (I10).
      if (rest.length > MAX_LINE) {
        lines.push(rest);
        rest = "";
      }
      for (const line of lines) this.#stderrLine(line);
      const waitMs = this.#killCause === undefined ? throttle.take(chunk.length) : 0;
      if (waitMs > 0) await this.#pause(waitMs);
    }
    if (rest !== "") this.#stderrLine(rest);
  }

  #stderrLine(line: string): void {
    if (line.trim() === "") return;
    const text = line.slice(0, MAX_LINE);
    if (!text.startsWith(AUDIT_PREFIX)) {
      this.#stderrTail.push(text);
      if (this.#stderrTail.length > 50) this.#stderrTail.shift();
    }
    this.#options.events.onStderr(text);
  }

  #violate(kind: string, detail: string): void {
    this.#options.events.onViolation(kind, detail);
    // A stream out of step cannot be trusted again, and an honest module never is.
    this.kill("protocol", detail);
  }

  async #pause(ms: number): Promise<void> {
    const waited = Promise.withResolvers<void>();
    const timer = setTimeout(waited.resolve, ms);
    await Promise.race([waited.promise, this.#child.status]);
    clearTimeout(timer);
  }

  #exitOf(status: Deno.CommandStatus): ProcessExit {
    const exit = { code: status.signal === null ? status.code : null, signal: status.signal };
    const lastError = this.#stderrTail.findLast((line) => /error|panick|memory/i.test(line)) ?? "";
    if (this.#killCause !== undefined) return { ...exit, cause: this.#killCause, detail: this.#killDetail };
    if (this.#goodbye?.error !== undefined) {
      const { code, message, hint } = this.#goodbye.error;
      return { ...exit, cause: "error", detail: adviceText({ message: `${code}: ${message}`, hint }) };
    }
    if (this.#goodbye !== undefined) {
      return this.#stopping
        ? { ...exit, cause: "stopped", detail: "Drained" }
        : { ...exit, cause: "returned", detail: "Its main returned without a stop" };
    }
    const aborted = status.signal === "SIGABRT" || status.signal === "SIGTRAP" ||
      status.signal === "SIGILL" ||
      status.code >= 132;
    if (aborted && this.#stderrTail.some((line) => OUT_OF_MEMORY.test(line))) {
      return { ...exit, cause: "memory", detail: "Its heap reached the ceiling" };
    }
    if (status.signal !== null) return { ...exit, cause: "killed", detail: `Ended by ${status.signal}` };
    if (status.code === 1 && lastError !== "") return { ...exit, cause: "error", detail: lastError };
    return {
      ...exit,
      cause: "exit",
      detail: `Exited with code ${status.code}${lastError && `: ${lastError}`}`,
    };
  }
}

function encodeAnswer(id: number, answer: Answer): Uint8Array {
  try {
    return answer.ok
      ? encodeFrame("response", { id }, answer.body)
      : encodeFrame("response", { id, error: answer.error });
  } catch (error) {
    // Too large for a frame: the caller is told so.
    const { code, message } = error as CandlewireError;
    return encodeFrame("response", { id, error: { code, message, retry: "never" } });
  }
}
