import { ApiProblem, problemOf } from "./api.js";

/** @typedef {{ id: string, event: string, data: string }} ServerEvent */
/** @typedef {"connecting" | "open" | "waiting" | "closed"} StreamState */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** Handling events longer than this at a stretch would make the page sluggish. */
const SLICE_MS = 10;
/** Comments come every 15 s: silence beyond this is a dead connection that nobody closed. */
const SILENCE_MS = 40_000;

/**
 * Splits a text/event-stream into events. Pure but for its buffer.
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class EventParser {
  #rest = "";
  #id = "";
  #event = "";
  /** @type {string[]} */
  #data = [];

  /**
   * @param {string} chunk
   * @returns {Generator<ServerEvent>}
   */
  *push(chunk) {
    const text = this.#rest + chunk;
    let from = 0;
    for (;;) {
      const end = text.indexOf("\n", from);
      if (end < 0) break;
      const line = text.slice(from, text[end - 1] === "\r" && end > from ? end - 1 : end);
      from = end + 1;
      if (line === "") {
        if (this.#data.length > 0) {
          yield {
            id: this.#id,
            event: this.#event === "" ? "message" : this.#event,
            data: this.#data.join("\n"),
          };
        }
        this.#event = "";
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
      if (field === "data") this.#data.push(value);
      else if (field === "event") this.#event = value;
      else if (field === "id") this.#id = value;
    }
    this.#rest = text.slice(from);
  }
}

/**
 * How long to wait before attempt `attempt` (from 1): doubled each time to a ceiling, half of it by chance, so that many
 * readers do not come back at once.
 * @param {number} attempt
 * @param {number} chance in [0, 1)
 * @returns {number} ms
 */
export function reconnectWait(attempt, chance) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(longest / 2 + (longest / 2) * chance);
}

/**
 * A server-sent event stream that comes back by itself, with backoff and Last-Event-ID. By fetch rather than
 * EventSource, which shows neither the status of a refusal nor lets the reader choose when to come back; and reading it
 * slice by slice gives the server back pressure in a burst.
 */
export class EventStream {
  #address;
  #handlers;
  #lastId = "";
  #attempt = 0;
  #controller = new AbortController();
  #timer = 0;
  #watch = 0;

  /**
   * @param {string} address
   * @param {{ onEvent: (event: ServerEvent) => void, onState: (state: StreamState, problem: ApiProblem | null, retryInMs: number) => void }} handlers
   */
  constructor(address, handlers) {
    this.#address = address;
    this.#handlers = handlers;
    void this.#run();
  }

  close() {
    this.#handlers.onState("closed", null, 0);
    this.#handlers = { onEvent() {}, onState() {} };
    this.#controller.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
  }

  /** Tries at once, if it is waiting to. */
  retryNow() {
    if (this.#timer === 0) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    void this.#run();
  }

  async #run() {
    const controller = this.#controller = new AbortController();
    this.#timer = 0;
    this.#handlers.onState("connecting", null, 0);
    /** @type {ApiProblem} */
    let problem;
    try {
      await this.#read(controller);
      problem = new ApiProblem(0, { detail: "Read events: the server ended the stream" });
    } catch (error) {
      problem = error instanceof ApiProblem
        ? error
        : new ApiProblem(0, { detail: "Read events: the connection broke" });
    }
    clearTimeout(this.#watch);
    if (controller.signal.aborted && controller.signal.reason !== "silence") return;
    this.#attempt += 1;
    const wait = Math.max(problem.retryAfterMs ?? 0, reconnectWait(this.#attempt, Math.random()));
    // Waits first: a listener may close the stream on hearing of the problem (a 401, say).
    this.#timer = setTimeout(() => void this.#run(), wait);
    this.#handlers.onState("waiting", problem, wait);
  }

  /** @param {AbortController} controller */
  async #read(controller) {
    /** @type {Record<string, string>} */
    const headers = { accept: "text/event-stream" };
    if (this.#lastId !== "") headers["last-event-id"] = this.#lastId;
    const response = await fetch(this.#address, {
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: controller.signal,
    });
    if (!response.ok || response.body === null) throw await problemOf(response, "Read events");
    this.#handlers.onState("open", null, 0);
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    let sliceStart = performance.now();
    for (;;) {
      clearTimeout(this.#watch);
      this.#watch = setTimeout(() => controller.abort("silence"), SILENCE_MS);
      const { done, value } = await reader.read();
      if (done) return;
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        if (controller.signal.aborted) return;
        this.#attempt = 0;
        if (event.id !== "") this.#lastId = event.id;
        this.#handlers.onEvent(event);
        if (performance.now() - sliceStart > SLICE_MS) {
          await new Promise((resolve) => setTimeout(resolve));
          sliceStart = performance.now();
        }
      }
    }
  }
}
