import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdminApi } from "./admin/admin_api.ts";
import type { HttpFault } from "./faults/fault.ts";
import type { FaultBoard } from "./faults/fault_board.ts";
import { banned, FIREWALL_PAGE, REGION_BLOCK, tooMuchWeight } from "./rest/api_error.ts";
import type { RestAnswer, RestApi } from "./rest/rest_api.ts";

/** Largest body that `/admin` takes. */
const MAX_BODY_BYTES = 65_536;
const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

/** Requests in, answers out: faults first, then `/admin` for loopback, then REST. */
export class HttpServer {
  readonly #rest: RestApi;
  readonly #admin: AdminApi;
  readonly #faults: FaultBoard;
  readonly #weightPerMinute: number;
  readonly #wall: () => number;

  constructor(
    parts: {
      rest: RestApi;
      admin: AdminApi;
      faults: FaultBoard;
      weightPerMinute: number;
      wall: () => number;
    },
  ) {
    this.#rest = parts.rest;
    this.#admin = parts.admin;
    this.#faults = parts.faults;
    this.#weightPerMinute = parts.weightPerMinute;
    this.#wall = parts.wall;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? "/", "http://exchange");
      const address = request.socket.remoteAddress ?? "";
      if (url.pathname.startsWith("/admin/")) return await this.#answerAdmin(request, response, url, address);
      const struck = this.#faults.request(url.pathname);
      if (struck?.fault.name === "httpDelay") {
        const { ms } = struck.fault;
        await new Promise<void>((resolve) => Deno.unrefTimer(setTimeout(resolve, ms)));
      } else if (struck !== undefined && struck.fault.name !== "httpTruncate") {
        return send(response, this.#faulty(struck.fault, struck.secondsLeft));
      }
      const unit = request.headers["x-mbx-time-unit"];
      const answer = this.#rest.handle({
        method: request.method ?? "GET",
        path: url.pathname,
        query: url.searchParams,
        timeUnit: typeof unit === "string" ? unit : undefined,
        address,
      });
      if (struck?.fault.name !== "httpTruncate") return send(response, answer);
      const body = Buffer.from(answer.body);
      response.writeHead(answer.status, { ...answer.headers, "Content-Length": String(body.length) });
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
    } catch (error) {
      // A request must never end the exchange; the text stays here, its own log is stderr.
      console.error(`Answer ${request.method} ${request.url}:`, error);
      send(response, {
        status: 500,
        headers: { "Content-Type": "application/json;charset=UTF-8" },
        body: '{"code":-1000,"msg":"An unknown error occurred while processing the request."}',
      });
    }
  }

  async #answerAdmin(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    address: string,
  ): Promise<void> {
    const refuse = (status: number, error: string) => sendJson(response, status, { error });
    if (!LOOPBACK.test(address)) return refuse(403, "The admin path answers on loopback only");
    // A web page in a local browser is on loopback too, and names itself.
    if (request.headers.origin !== undefined) return refuse(403, "The admin path does not answer web pages");
    let body: unknown;
    if (request.method === "POST") {
      const text = await readBody(request);
      if (text === undefined) return refuse(413, `The body is longer than ${MAX_BODY_BYTES} bytes`);
      try {
        body = text === "" ? {} : JSON.parse(text);
      } catch {
        return refuse(400, "The body is no JSON");
      }
    }
    const answer = await this.#admin.handle({
      method: request.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      body,
    });
    sendJson(response, answer.status, answer.body);
  }

  #faulty(fault: HttpFault, secondsLeft: number): RestAnswer {
    const json = { "Content-Type": "application/json;charset=UTF-8" };
    const wait = { "Retry-After": String(Math.max(1, secondsLeft)) };
    const used = {
      "X-MBX-USED-WEIGHT": String(this.#weightPerMinute + 1),
      "X-MBX-USED-WEIGHT-1M": String(this.#weightPerMinute + 1),
    };
    switch (fault.name) {
      case "http429":
        return {
          status: 429,
          headers: { ...json, ...used, ...wait },
          body: tooMuchWeight(this.#weightPerMinute).body,
        };
      case "http418": {
        const until = this.#wall() + secondsLeft * 1000;
        return { status: 418, headers: { ...json, ...used, ...wait }, body: banned(until).body };
      }
      case "http403":
        return { status: 403, headers: { "Content-Type": "text/html" }, body: FIREWALL_PAGE };
      case "http451":
        return { status: 451, headers: json, body: REGION_BLOCK };
      case "http5xx":
        return {
          status: fault.status,
          headers: json,
          body: '{"code":-1001,"msg":"Internal error; unable to process your request. Please try again."}',
        };
      case "httpDelay":
      case "httpTruncate":
        throw new TypeError(`${fault.name} changes an answer and makes none`);
      default:
        return fault satisfies never;
    }
  }
}

function send(response: ServerResponse, answer: RestAnswer): void {
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, { ...answer.headers, "Content-Length": String(body.length) });
  response.end(body);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, {
    status,
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
    body: JSON.stringify(body),
  });
}

/** A request's body as text; undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Uint8Array).length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString("utf8");
}
