import { MemoryMarket, type MemoryMarketOptions } from "../tests/memory_market.ts";
import { serverConfig } from "../config.ts";
import { type RunningExchange, startExchange } from "../start_exchange.ts";
import { eventually } from "../../../tests/until.ts";
import type { z } from "zod";

/** How long a test waits for something that must come. */
const DEADLINE_MS = 30_000;

/** A running exchange over a market in memory, on a port of the system's choice. */
export async function memoryExchange(
  server: Partial<z.input<typeof serverConfig>> = {},
  market: MemoryMarketOptions = {},
): Promise<RunningExchange & { market: MemoryMarket }> {
  const memory = new MemoryMarket(market);
  const exchange = await startExchange(memory, serverConfig.parse({ port: 0, ...server }));
  return Object.assign(exchange, { market: memory });
}

/** Waits for a condition; throws with the name of what never came. */
export function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  return eventually(condition, what, DEADLINE_MS);
}

/** A client with Deno's own WebSocket, which answers pings by itself. Keeps what came. */
export class StreamClient implements AsyncDisposable {
  readonly frames: string[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #socket: WebSocket;
  /** Whether it has opened, or why it did not. */
  #opened: boolean | Error = false;

  constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#opened = true;
    this.#socket.onmessage = (event) => this.frames.push(String(event.data));
    this.#socket.onerror = () => this.#opened ||= new Error(`Connect to ${url}: refused`);
    this.#socket.onclose = (event) => {
      this.closed = { code: event.code, reason: event.reason };
      this.#opened ||= new Error(`Connect to ${url}: closed with ${event.code}`);
    };
  }

  static async open(url: string): Promise<StreamClient> {
    const client = new StreamClient(url);
    await until(`the connection to ${url}`, () => {
      if (client.#opened instanceof Error) throw client.#opened;
      return client.#opened;
    });
    return client;
  }

  send(value: unknown): void {
    this.#socket.send(typeof value === "string" ? value : JSON.stringify(value));
  }

  // deno-lint-ignore no-explicit-any
  json(): any[] {
    return this.frames.map((frame) => JSON.parse(frame));
  }

  /** Waits for `count` frames that fit, and gives them. */
  // deno-lint-ignore no-explicit-any
  async take(what: string, count: number, fits: (frame: any) => boolean): Promise<any[]> {
    // deno-lint-ignore no-explicit-any
    const found: any[] = [];
    let at = 0;
    await until(`${count} × ${what}`, () => {
      while (at < this.frames.length) {
        const frame = JSON.parse(this.frames[at++]!);
        if (fits(frame)) found.push(frame);
      }
      return found.length >= count;
    });
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState < 2) this.#socket.close();
    await until("the socket to be closed", () => this.closed !== undefined);
  }
}

/** A JSON request; throws on an answer that is no JSON. */
export async function call(
  exchange: { url: string },
  path: string,
  options: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
  // deno-lint-ignore no-explicit-any
): Promise<{ status: number; headers: Headers; body: any }> {
  const { method = options.body === undefined ? "GET" : "POST", body, headers = {} } = options;
  const response = await fetch(exchange.url + path, {
    method,
    headers: { ...headers, ...body === undefined ? {} : { "Content-Type": "application/json" } },
    ...body === undefined ? {} : { body: JSON.stringify(body) },
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
