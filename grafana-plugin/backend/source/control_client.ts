import { CandlewireError, causeText } from "../../../runtime/error.ts";
import type { Origin } from "../../../runtime/market/origin.ts";

/** What every answer of the control API carries (I8). */
export type Stamp = { origin: Origin; simulated: boolean };

/** Bytes of an answer at most (I10). */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * The control API as the backend asks it, with the viewer's token. Rejects with `query.unavailable` (`retry`) when it is not
 * there or cannot answer now, `query.unauthorized` (`operator`) for the token, `plugin.bad_query` for a parameter it
 * refuses, `query.failed` for an answer that is none of the control API's.
 */
export class ControlClient {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Where it is, for messages. */
  get url(): string {
    return this.#url;
  }

  /** JSON of `GET /api/v1/<path>`; `undefined` parameters are left out. */
  async get<Answer>(
    path: string,
    parameters: Record<string, string | number | undefined>,
    signal: AbortSignal,
  ): Promise<Answer & Stamp> {
    const response = await this.#fetch(path, parameters, { signal, accept: "application/json" });
    const body = await readJson(response, this.#url);
    if (!response.ok) throw this.#problem(response.status, body);
    const { origin, simulated } = body;
    if (typeof simulated !== "boolean" || typeof origin !== "object" || origin === null) {
      throw foreign(this.#url, "its answer names no origin");
    }
    return body as Answer & Stamp;
  }

  /** The event stream; the body is to be read or cancelled. `symbols` is a comma list. */
  async events(
    channels: string,
    options: { symbols?: string; lastEventId?: string; signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>> {
    const { symbols, lastEventId, signal } = options;
    const response = await this.#fetch("events", { channels, symbols }, {
      signal,
      accept: "text/event-stream",
      lastEventId,
    });
    if (!response.ok) throw this.#problem(response.status, await readJson(response, this.#url));
    if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      await response.body?.cancel();
      throw foreign(this.#url, "its events are no event stream");
    }
    return response.body;
  }

  async #fetch(
    path: string,
    parameters: Record<string, string | number | undefined>,
    options: { signal: AbortSignal; accept: string; lastEventId?: string },
  ): Promise<Response> {
    const url = new URL(`${this.#url}/api/v1/${path}`);
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = {
      accept: options.accept,
      authorization: `Bearer ${this.#token}`,
    };
    if (options.lastEventId) headers["last-event-id"] = options.lastEventId;
    try {
      // A redirect would take the token elsewhere.
      return await fetch(url, { headers, signal: options.signal, redirect: "error" });
    } catch (cause) {
      if (options.signal.aborted) throw options.signal.reason;
      throw new CandlewireError(
        "query.unavailable",
        `Ask the control API at ${this.#url}: ${causeText(cause as Error)}`,
        {
          retry: "retry",
          hint: "Check that the host runs and that controlUrl is its address as seen from Grafana's machine",
          cause,
        },
      );
    }
  }

  #problem(status: number, body: Record<string, unknown>): CandlewireError {
    const detail = typeof body.detail === "string" ? body.detail : `it answered with status ${status}`;
    const hint = typeof body.hint === "string" ? body.hint : undefined;
    const message = `Ask the control API at ${this.#url}: ${detail}`;
    if (status === 401 || status === 403) {
      return new CandlewireError("query.unauthorized", message, {
        retry: "operator",
        hint: this.#token === ""
          ? "Give the viewer's token of <data-dir>/tokens.json in the data source's settings"
          : "The token is not the viewer's of <data-dir>/tokens.json: put that one into the data source's settings",
      });
    }
    if (status === 429 || status >= 500) {
      return new CandlewireError("query.unavailable", message, { retry: "retry", hint });
    }
    if (status === 404 && body.code === undefined) return foreign(this.#url, "it knows no /api/v1");
    return new CandlewireError("plugin.bad_query", message, { hint });
  }
}

async function readJson(response: Response, url: string): Promise<Record<string, unknown>> {
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/(problem\+)?json/.test(type)) {
    await response.body?.cancel();
    throw foreign(url, `it answered ${response.status} with ${type === "" ? "no content type" : type}`);
  }
  const length = Number(response.headers.get("content-length") ?? 0);
  if (length > MAX_BYTES) {
    await response.body?.cancel();
    throw foreign(url, `its answer has ${length} bytes`);
  }
  let body: unknown;
  try {
    body = await response.json();
  } catch (cause) {
    if (cause instanceof SyntaxError) throw foreign(url, "its answer is no JSON");
    throw new CandlewireError("query.unavailable", `Ask the control API at ${url}: its answer broke off`, {
      retry: "retry",
      cause,
    });
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw foreign(url, "its answer is no object");
  }
  return body as Record<string, unknown>;
}

function foreign(url: string, what: string): CandlewireError {
  return new CandlewireError("query.failed", `Ask the control API at ${url}: ${what}`, {
    retry: "operator",
    hint: "Check controlUrl: what listens there is not the control API",
  });
}
