import { CandlewireError, errorText } from "../../error.ts";

/** What a failed statement demands: the same again, a partition first, another batch, or a person. */
export type FailureClass = "unavailable" | "missing_partition" | "bad_row" | "schema";

/** The fields of a PostgreSQL error that are used; anything else was thrown by the network. */
type ServerError = { code?: string; routine?: string; table?: string; column?: string; message?: string };

/** Classifies by SQLSTATE. What is not surely the fault of a row is taken for a passing failure: nothing is dropped. */
export function failureClass(error: unknown): FailureClass {
  const { code, routine } = error as ServerError;
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code)) return "unavailable";
  if (code === "23514" && routine === "ExecFindPartition") return "missing_partition";
  if (code.startsWith("22") || code.startsWith("23")) return "bad_row";
  // Undefined table, column or function, wrong type; refused rights.
  if (code.startsWith("42")) return "schema";
  return "unavailable";
}

/** The retryable error of a database that cannot be reached or refuses for now. */
export function unavailable(error: unknown): CandlewireError {
  if (error instanceof CandlewireError) return error;
  return new CandlewireError("table.unavailable", `Write to PostgreSQL: ${errorText(error)}`, {
    retry: "retry",
    cause: error,
  });
}

/** The database's shape is not what this program writes. */
export function schemaMismatch(error: unknown): CandlewireError {
  return new CandlewireError("table.schema_mismatch", `Write to PostgreSQL: ${errorText(error)}`, {
    retry: "operator",
    hint: "Bring the database to this version's schema, or grant the producer's role its rights",
    cause: error,
  });
}
