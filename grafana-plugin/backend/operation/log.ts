/** Levels as Grafana's log knows them. */
export type Level = "debug" | "info" | "warn" | "error";

/** Writes one line to the log; `fields` must hold no secrets (I6). */
export type Log = (level: Level, message: string, fields?: Record<string, unknown>) => void;

/** A line as go-plugin takes it from stderr: JSON with `@level`, `@message`, `@timestamp` with six digits of a second. */
export function logLine(
  at: Date,
  level: Level,
  message: string,
  fields: Record<string, unknown> = {},
): string {
  const timestamp = at.toISOString().replace("Z", "000Z");
  return JSON.stringify({ "@level": level, "@message": message, "@timestamp": timestamp, ...fields });
}

const encoder = new TextEncoder();

/** The log of the process, on stderr: stdout belongs to the handshake. */
export const log: Log = (level, message, fields) => {
  try {
    Deno.stderr.writeSync(encoder.encode(logLine(new Date(), level, message, fields) + "\n"));
  } catch {
    // Nobody reads any more: the process is about to end.
  }
};
