import { CandlewireError, errorText } from "../error.ts";
import { wait } from "../wait.ts";
import type { ConnectorSettings } from "./connector_settings.ts";
import { traceCause } from "./task_trace.ts";

/** A connector's or a task's state, Connect's own words. `STOPPED` has no tasks; `PAUSED` keeps them, idle. */
export type ConnectState = "UNASSIGNED" | "RUNNING" | "PAUSED" | "STOPPED" | "FAILED" | "RESTARTING";

/** `GET /connectors/{name}/status`. `trace` is there when the state is FAILED. */
export type ConnectorStatus = {
  connector: { state: ConnectState; trace?: string };
  tasks: { id: number; state: ConnectState; trace?: string }[];
};

/** How far the connector has come, as it is stored in Connect's offsets topic. LSNs are decimal. */
export type StoredOffset = { lsn: bigint | null; snapshot: boolean };

/** How Connect's REST is asked. */
export type ConnectRestOptions = { timeoutMs: number; signal: AbortSignal };

/** How long a worker group that rebalances is asked again, ms. */
const REBALANCE_MS = 60_000;

/**
 * Kafka Connect's REST interface, as far as one connector needs it. Rejects with `connect.unreachable` (retry: nobody
 * answers, or a proxy does), `connect.rebalance` (retry: it still rebalances after a minute), `connect.refused` (operator: 4xx, with
 * the reason that Connect gives) or `connect.failed` (retry: 5xx).
 * Source: https://kafka.apache.org/documentation/#connect_rest
 */
export class ConnectRest {
  readonly #url: string;
  readonly #options: ConnectRestOptions;

  constructor(url: string, options: ConnectRestOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#options = options;
  }

  /** The connector's settings as Connect holds them; undefined when there is no such connector. */
  async settings(name: string): Promise<ConnectorSettings | undefined> {
    return await this.#ask("GET", `/${encodeURIComponent(name)}/config`) as ConnectorSettings | undefined;
  }

  /** Makes the connector, or gives it these settings. Connect validates them first, which reaches PostgreSQL. */
  async put(name: string, settings: ConnectorSettings): Promise<void> {
    await this.#ask("PUT", `/${encodeURIComponent(name)}/config`, settings);
  }

  /** Undefined when there is no such connector, or none of its states is known yet. */
  async status(name: string): Promise<ConnectorStatus | undefined> {
    return await this.#ask("GET", `/${encodeURIComponent(name)}/status`) as ConnectorStatus | undefined;
  }

  /** Starts the failed parts again: the connector, its tasks, or both. */
  async restartFailed(name: string): Promise<void> {
    await this.#ask("POST", `/${encodeURIComponent(name)}/restart?includeTasks=true&onlyFailed=true`);
  }

  /** `stop` ends the tasks, so that the slot is free; `pause` keeps them and the slot. Connect does it soon after. */
  async steer(name: string, what: "stop" | "pause" | "resume"): Promise<void> {
    await this.#ask("PUT", `/${encodeURIComponent(name)}/${what}`);
  }

  async remove(name: string): Promise<void> {
    await this.#ask("DELETE", `/${encodeURIComponent(name)}`);
  }

  /** What the connector has stored; undefined when it has stored nothing, or is not there. */
  async offset(name: string): Promise<StoredOffset | undefined> {
    const answer = await this.#ask("GET", `/${encodeURIComponent(name)}/offsets`) as {
      offsets?: { offset: Record<string, unknown> | null }[];
    } | undefined;
    const offset = answer?.offsets?.find((entry) => entry.offset !== null)?.offset;
    if (offset === undefined || offset === null) return undefined;
    const lsns = ["lsn_commit", "lsn_proc", "lsn"].map((field) => offset[field])
      .filter((value) => typeof value === "number" || typeof value === "string").map(BigInt);
    return {
      lsn: lsns.reduce<bigint | null>((most, lsn) => most === null || lsn > most ? lsn : most, null),
      snapshot: offset.snapshot !== undefined && offset.snapshot !== false &&
        offset.last_snapshot_record !== true,
    };
  }

  /** Forgets what the connector has stored: it begins with a snapshot then. It must be stopped. */
  async forgetOffset(name: string): Promise<void> {
    await this.#ask("DELETE", `/${encodeURIComponent(name)}/offsets`);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const { timeoutMs, signal } = this.#options;
    const deadline = performance.now() + REBALANCE_MS;
    const action = `${method} ${this.#url}/connectors${path.replace(/\?.*/, "")}`;
    for (let attempt = 0;; attempt++) {
      let response: Response;
      let text: string;
      try {
        response = await fetch(`${this.#url}/connectors${path}`, {
          method,
          headers: {
            accept: "application/json",
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          body: body === undefined ? undefined : JSON.stringify(body),
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        });
        text = await response.text();
      } catch (error) {
        throw new CandlewireError("connect.unreachable", `${action}: ${errorText(error)}`, {
          retry: "retry",
          hint: "Start Kafka Connect, or set connect.url; it is asked again",
          cause: error,
        });
      }
      // The group rebalances, or another request to the same connector is under way.
      if (isRebalance(response.status, text) && performance.now() < deadline && !signal.aborted) {
        await wait(Math.min(2_000, 100 * 2 ** attempt), signal);
        continue;
      }
      // A connector that is not there is an answer; the status of a new one may be unknown for a moment.
      if (response.status === 404 && /"error_code":404/.test(text)) return undefined;
      if (!response.ok) throw refusal(action, response.status, text);
      if (text === "") return undefined;
      try {
        return parseLossless(text);
      } catch (error) {
        throw new CandlewireError(
          "connect.unreachable",
          `${action}: the answer is no JSON: ${text.slice(0, 100)}`,
          {
            retry: "retry",
            hint: "Set connect.url to Kafka Connect's own REST address",
            cause: error,
          },
        );
      }
    }
  }
}

/** LSNs exceed 2^53 on a database that has written 8 PiB of WAL; they are kept as text from there on. */
function parseLossless(text: string): unknown {
  return JSON.parse(
    text,
    (_key, value, context?: { source?: string }) =>
      typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
        ? context?.source ?? value
        : value,
  );
}

/**
 * Connect's answer to that is 409, but 500 where a request was taken and waits for the group when the group breaks up (4.3.1:
 * "Request cannot be completed because a rebalance is expected").
 */
function isRebalance(status: number, text: string): boolean {
  return status === 409 || (status === 500 && text.includes("because a rebalance is expected"));
}

function refusal(action: string, status: number, text: string): CandlewireError {
  let message = text;
  try {
    message = String(JSON.parse(text).message ?? text);
  } catch {
    // Not Connect's own answer: shown as it is.
  }
  const why = `${action}: ${status} ${
    message.split("\n").map(traceCause).filter((line) => line !== "").join(" ").slice(0, 600)
  }`;
  if (isRebalance(status, text)) {
    return new CandlewireError("connect.rebalance", why, {
      retry: "retry",
      hint: "The workers have been distributing their connectors for a minute; look at their logs",
    });
  }
  if (status >= 500) {
    return new CandlewireError("connect.failed", why, {
      retry: "retry",
      hint: "Look at the worker's log; it is asked again",
    });
  }
  return new CandlewireError("connect.refused", why, {
    retry: "operator",
    hint:
      "Mend the connector's settings, PostgreSQL's address as the worker sees it, or connect.passwordReference",
    details: { status },
  });
}
