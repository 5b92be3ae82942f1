import { CandlewireError, causeText } from "../../error.ts";
import { type EpochMs, steadyClock } from "../../market/epoch.ts";
import { decodeRefusal, parseJson } from "./binance_rest.ts";
import { backoffMs } from "./backoff.ts";
import { wait } from "../../wait.ts";
import { rateLimited, type WeightBudget } from "./weight_budget.ts";

/** Options of {@linkcode BinanceHttp}. */
export type BinanceHttpOptions = {
  /** Time limit of one request. */
  timeoutMs: number;
  /** Tries of one request when the server fails (5xx, cut). Default 4. */
  tries?: number;
  /** A larger body is refused. Default 64 MiB (exchangeInfo of the whole market is about 15). */
  maxBodyBytes?: number;
  /** First wait between tries. Default 250 ms. */
  baseMs?: number;
};

/**
 * REST requests within the weight budget. 429 and 418 close the budget and reject with `source.rate_limited`; 403 and
 * 451 reject with `source.region_blocked`; 5xx and cut connections are tried again, for all requests here only read.
 */
export class BinanceHttp {
  readonly #base: string;
  readonly #budget: WeightBudget;
  readonly #options: Required<BinanceHttpOptions>;

  constructor(restUrl: string, budget: WeightBudget, options: BinanceHttpOptions) {
    this.#base = restUrl.replace(/\/+$/, "");
    this.#budget = budget;
    this.#options = { tries: 4, maxBodyBytes: 64 * 1024 * 1024, baseMs: 250, ...options };
  }

  /**
   * The parsed body of `GET /api/v3/<path>`, the server's time (its Date header; 0 without one), and when the request that
   * succeeded was sent and its answer came, by {@linkcode steadyClock}.
   */
  async get(
    path: string,
    query: Record<string, string | number>,
    options: { weight: number; signal: AbortSignal },
  ): Promise<{ body: unknown; serverTime: number; sentAt: EpochMs; receivedAt: EpochMs }> {
    const search = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)])).toString();
    const url = `${this.#base}/api/v3/${path}${search === "" ? "" : `?${search}`}`;
    for (let attempt = 0;; attempt++) {
      try {
        return await this.#once(url, options.weight, options.signal);
      } catch (error) {
        options.signal.throwIfAborted();
        const failed = toError(error, url);
        if (failed.code !== "source.unavailable" || attempt + 1 >= this.#options.tries) throw failed;
        await wait(backoffMs(attempt, { baseMs: this.#options.baseMs, capMs: 5_000 }), options.signal);
      }
    }
  }

  async #once(url: string, weight: number, signal: AbortSignal) {
    await this.#budget.take(weight, signal);
    let serverUsed: number | undefined;
    const sentAt = steadyClock();
    try {
      const response = await fetch(url, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(this.#options.timeoutMs)]),
        redirect: "manual",
      });
      const used = Number(response.headers.get("x-mbx-used-weight-1m") ?? NaN);
      if (Number.isSafeInteger(used) && used >= 0) serverUsed = used;
      const receivedAt = steadyClock();
      const text = await this.#text(response, url);
      if (response.ok) {
        const body = parseJson(text);
        if (body === undefined) throw badAnswer(url, `body is no JSON, ${text.length} characters`);
        const serverTime = Date.parse(response.headers.get("date") ?? "") || 0;
        return { body, serverTime, sentAt, receivedAt };
      }
      throw this.#refusal(response, text, url);
    } finally {
      this.#budget.settle(weight, serverUsed);
    }
  }

  #refusal(response: Response, text: string, url: string): CandlewireError {
    const { status } = response;
    if (status === 429 || status === 418) {
      const seconds = Number(response.headers.get("retry-after") ?? NaN);
      const ms = Number.isFinite(seconds) && seconds >= 0
        ? seconds * 1_000
        : status === 418
        ? 120_000
        : 10_000;
      this.#budget.close(ms);
      return rateLimited(ms);
    }
    if (status === 403 || status === 451) return regionBlocked(status, url);
    if (status >= 500) {
      return new CandlewireError("source.unavailable", `Ask ${url}: status ${status}`, { retry: "retry" });
    }
    const refusal = decodeRefusal(text);
    return new CandlewireError(
      status === 404 ? "source.not_found" : "source.refused",
      `Ask ${url}: status ${status}${refusal === null ? "" : `, ${refusal.code} ${refusal.message}`}`,
      { details: { status, code: refusal?.code ?? null } },
    );
  }

  async #text(response: Response, url: string): Promise<string> {
    if (response.body === null) return "";
    const decoder = new TextDecoder();
    let text = "";
    let bytes = 0;
    // I10: read by chunks, for a length header may lie.
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > this.#options.maxBodyBytes) {
        throw badAnswer(url, `body is longer than ${this.#options.maxBodyBytes} bytes`);
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  }
}

/** The exchange refuses this place; the market-data-only hosts usually do not. */
export function regionBlocked(status: number, url: string): CandlewireError {
  return new CandlewireError("source.region_blocked", `Ask ${url}: status ${status}`, {
    retry: "operator",
    hint: "Binance refuses this region or address: use its market-data-only hosts, source.restUrl " +
      "https://data-api.binance.vision and source.wsUrl wss://data-stream.binance.vision",
    details: { status },
  });
}

/** An answer that cannot be used at all. */
export function badAnswer(url: string, reason: string): CandlewireError {
  return new CandlewireError("source.bad_answer", `Read the answer of ${url}: ${reason}`, { retry: "retry" });
}

function toError(error: unknown, url: string): CandlewireError {
  if (error instanceof CandlewireError) return error;
  const cause = error instanceof Error ? causeText(error) : String(error);
  return new CandlewireError("source.unavailable", `Ask ${url}: ${cause}`, {
    retry: "retry",
    cause: error,
    hint: "Check the network, or set source.restUrl and source.wsUrl to a host that can be reached",
  });
}
