/** The longest text that a state's detail takes from a trace. */
const MOST_CHARS = 300;

/**
 * The one line of a Java stack trace that tells a person what is wrong: the innermost cause that says something, without
 * its class's package. Values that look like credentials are left out (I6).
 */
export function traceCause(trace: string): string {
  const lines = trace.split("\n").map((line) => line.trim());
  const causes = lines.filter((line) => line.startsWith("Caused by: ")).map((line) => line.slice(11));
  const cause = causes.findLast((line) => textOf(line) !== "") ?? lines.find((line) => line !== "") ?? "";
  const [, name = "", text = ""] = HEAD.exec(cause) ?? [];
  const shown = name === "" ? cause : text === "" ? name : `${name}: ${text}`;
  const clean = shown.replaceAll(CREDENTIAL, "$1***").replaceAll(URL_CREDENTIAL, "//***@")
    .replaceAll(/\s+/g, " ").trim();
  return clean.length > MOST_CHARS ? `${clean.slice(0, MOST_CHARS)}…` : clean;
}

/** `org.apache.kafka.connect.errors.ConnectException: what happened`. */
const HEAD = /^(?:[a-z_][\w$]*\.)+([A-Z][\w$]*)(?::\s*(.*))?$/s;

const CREDENTIAL = /((?:password|secret|token|credential)\w*\s*[=:]\s*)[^\s,;&]+/gi;
const URL_CREDENTIAL = /\/\/[^/\s@:]+:[^/\s@]+@/g;

function textOf(cause: string): string {
  return HEAD.exec(cause)?.[2] ?? (HEAD.test(cause) ? "" : cause);
}
