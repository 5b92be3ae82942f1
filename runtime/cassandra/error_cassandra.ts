import cassandra from "cassandra-driver";
import { CandlewireError, causeText } from "../error.ts";

/** What an error of the driver or the server demands of the caller. */
export type CassandraFailure =
  /** Try the same again: nothing, a part or all of it was done. */
  | "unavailable"
  /** As `unavailable`, and the servers ask for less at a time. */
  | "overloaded"
  /** The login or what it may do. */
  | "unauthorized"
  /** Keyspace or table is not there, or not as expected. */
  | "schema"
  /** This statement can never be done. */
  | "bad_row"
  /** None of these. */
  | "failed";

const { responseErrorCodes: CODES } = cassandra.types;

/**
 * By the response's code
 * (https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec, section 9). What is not listed is `failed`:
 * it stops progress visibly and is never a row's fault.
 */
const BY_CODE: ReadonlyMap<number, CassandraFailure> = new Map([
  [CODES.serverError, "unavailable"],
  [CODES.badCredentials, "unauthorized"],
  [CODES.unavailableException, "unavailable"],
  [CODES.overloaded, "overloaded"],
  [CODES.isBootstrapping, "unavailable"],
  [CODES.truncateError, "unavailable"],
  [CODES.writeTimeout, "overloaded"],
  [CODES.readTimeout, "overloaded"],
  [CODES.readFailure, "unavailable"],
  [CODES.writeFailure, "unavailable"],
  [CODES.unauthorized, "unauthorized"],
]);

/**
 * What "invalid" says of a value or its size. Other invalid requests are no row's fault: a guardrail refuses every write
 * when the disks are full, and must not turn the whole log into dead letters.
 */
const VALUE_REFUSED =
  /too large|is longer than|may not be empty|Expected \d+|didn't validate|TTL|Out of bound|marshal|Invalid .* value/i;
const DISK_REFUSED = /disk usage|read-only|not accept/i;

const HINTS: Record<CassandraFailure, string | undefined> = {
  unavailable: "Check that enough Cassandra nodes are up, have room on their disks and are reached from here",
  overloaded: "Wait: Cassandra is slower than what is asked of it; look at its load and disks if it lasts",
  unauthorized:
    "Check cassandra.username and cassandra.password, and what that role is granted on the keyspace",
  schema: "Start the host: it makes and migrates the keyspace",
  bad_row: undefined,
  failed: "Look at the message; it is tried again by itself, and nothing is read until then",
};

/** What TLS says of a certificate that it does not trust, and what to do then. */
const UNTRUSTED = /certificate/i;
const UNTRUSTED_HINT =
  "Check the TLS settings: the authority that signed the nodes' certificates, and the name that is in them";

/** What happened, from the error's class and code. */
export function cassandraFailure(error: unknown): CassandraFailure {
  if (error instanceof cassandra.errors.NoHostAvailableError) return ofHosts(error);
  if (error instanceof cassandra.errors.AuthenticationError) return "unauthorized";
  if (error instanceof cassandra.errors.OperationTimedOutError) return "overloaded";
  if (error instanceof cassandra.errors.BusyConnectionError) return "overloaded";
  if (error instanceof cassandra.errors.ResponseError) {
    const text = error.message;
    if (/^Keyspace \S+ does not exist|unconfigured table|^table .* does not exist/i.test(text)) {
      return "schema";
    }
    // A statement that a newer or older schema does not know.
    if (/Undefined column name|Unknown identifier|undefined column/i.test(text)) return "schema";
    if (error.code === CODES.invalid || error.code === CODES.configError) {
      if (DISK_REFUSED.test(text)) return "unavailable";
      return VALUE_REFUSED.test(text) ? "bad_row" : "failed";
    }
    return BY_CODE.get(error.code) ?? "failed";
  }
  const { isSocketError, code } = error as { isSocketError?: boolean; code?: unknown };
  if (isSocketError === true || (typeof code === "string" && /^E[A-Z]+$/.test(code))) return "unavailable";
  if (error instanceof cassandra.errors.DriverError) return "unavailable";
  return "failed";
}

/** The id of the statement that a node knows no more, though the driver tried to prepare it again; else undefined. */
export function unpreparedIn(error: unknown): Uint8Array | undefined {
  const errors = error instanceof cassandra.errors.NoHostAvailableError
    ? Object.values(error.innerErrors ?? {})
    : [error];
  for (const each of errors) {
    if (each instanceof cassandra.errors.ResponseError && each.code === CODES.unprepared) {
      return (each as { queryId?: Uint8Array }).queryId;
    }
  }
  return undefined;
}

/** No node could be asked: why, is what each of them said. */
function ofHosts(error: cassandra.errors.NoHostAvailableError): CassandraFailure {
  const inner = Object.values(error.innerErrors ?? {}).filter((each) => each instanceof Error);
  const failures = new Set(inner.map(cassandraFailure));
  if (failures.has("unauthorized")) return "unauthorized";
  // A node that knows a statement no more was told it again by the driver, and refused: a table is gone.
  if (failures.has("schema") || unpreparedIn(error) !== undefined) return "schema";
  return failures.has("overloaded") ? "overloaded" : "unavailable";
}

/**
 * An error of the driver as ours: `<owner>.unavailable` (`retry`), `<owner>.unauthorized`, `<owner>.schema_missing`,
 * `<owner>.failed` (`operator`) or `<owner>.bad_row` (`never`). Never holds values of rows or secrets (I6).
 */
export function cassandraError(
  action: string,
  cause: unknown,
  owner: "store" | "query" | "cassandra",
): CandlewireError {
  if (cause instanceof CandlewireError) return cause;
  const failure = cassandraFailure(cause);
  const text = `${action}: ${describe(cause)}`;
  const hint = failure === "unavailable" && UNTRUSTED.test(text) ? UNTRUSTED_HINT : HINTS[failure];
  switch (failure) {
    case "unavailable":
    case "overloaded":
      return new CandlewireError(`${owner}.unavailable`, text, { retry: "retry", hint, cause });
    case "unauthorized":
      return new CandlewireError(`${owner}.unauthorized`, text, { retry: "operator", hint, cause });
    case "schema":
      return new CandlewireError(`${owner}.schema_missing`, text, { retry: "operator", hint, cause });
    case "bad_row":
      return new CandlewireError(`${owner}.bad_row`, text, { cause });
    case "failed":
      return new CandlewireError(`${owner}.failed`, text, { retry: "operator", hint, cause });
  }
}

/** The text of an error, with what each node said when none could be asked. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (unpreparedIn(error) !== undefined) {
    return "a node knows the statement no more and refuses to prepare it: a table or the keyspace was dropped or altered";
  }
  if (!(error instanceof cassandra.errors.NoHostAvailableError)) return `${error.name}: ${causeText(error)}`;
  const nodes = Object.entries(error.innerErrors ?? {}).slice(0, 8).map(([address, inner]) =>
    `${address}: ${inner instanceof Error ? causeText(inner) : String(inner ?? "no answer")}`
  );
  return nodes.length === 0 ? "no node could be asked" : `no node could be asked (${nodes.join("; ")})`;
}
