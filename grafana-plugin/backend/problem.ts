import { CandlewireError } from "../../runtime/error.ts";

/** An error as a query's answer tells it: text with its remedy, HTTP's status, and whose fault it is. */
export type Problem = { message: string; status: number; errorSource: "plugin" | "downstream" };

const STATUS: Record<string, number> = {
  "plugin.bad_query": 400,
  "plugin.bad_settings": 400,
  "plugin.timeout": 504,
  "query.bad_limit": 400,
  "query.bad_cursor": 400,
  "query.bad_row": 400,
  "query.unavailable": 503,
  "query.unauthorized": 502,
  "query.schema_missing": 502,
  "query.failed": 502,
};

/** What a person is told of anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof CandlewireError) {
    const status = STATUS[error.code] ?? 500;
    const hint = error.hint === undefined ? "" : `. ${error.hint}`;
    return {
      message: `${error.message.replace(/\.$/, "")}${hint}`,
      status,
      // An author's mistake or a server's: neither is a fault of the plugin.
      errorSource: status === 500 ? "plugin" : "downstream",
    };
  }
  if (error instanceof DOMException && error.name === "AbortError") {
    return { message: "The query was cancelled", status: 499, errorSource: "downstream" };
  }
  return {
    message: `The backend failed: ${error instanceof Error ? error.message : String(error)}`,
    status: 500,
    errorSource: "plugin",
  };
}

/** The error of a query that took too long. */
export function timedOut(timeoutMs: number): CandlewireError {
  return new CandlewireError("plugin.timeout", `Run the query: it was not done after ${timeoutMs} ms`, {
    retry: "retry",
    hint: "Choose a shorter time range or a lower limit, or raise the data source's time-out",
  });
}
