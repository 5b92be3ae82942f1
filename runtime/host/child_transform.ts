import { CandlewireError, errorText } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import { TABLES } from "../market/table.ts";
import { untilAborted } from "../wait.ts";
import { isRecord } from "./frame.ts";
import type { ModuleContext } from "./module_context.ts";
import type { AlertInput, ApplyOutcome, ApplyRequest, ApplyResponse, Filtered, RowContext } from "./sdk.ts";

const MAX_ALERTS = 1000;

/** Event time and key of each table's rows, to name an alert without a clock. */
const TIME_COLUMNS = ["trade_time", "open_time", "updated_at", "detected_at"];
const KEY_COLUMNS = ["trade_id", "open_time", "last_update_id", "first_id", "updated_at"];

type AnyRow = Record<string, unknown>;
type AnyTransform = {
  tables: readonly string[];
  start?(context: unknown): unknown;
  apply(row: AnyRow, context: unknown): unknown;
};

/** Runs a transform file as a module: answers `apply` until the host wants it to stop. */
export async function serveTransform(context: ModuleContext, exported: unknown): Promise<void> {
  const transform = checkTransform(context.name, exported);
  const base = {
    name: context.name,
    parameters: Object.freeze({ ...context.parameters }),
    log: context.log.bind(context),
  };
  await transform.start?.(base);
  context.handle("apply", async (parameters) => {
    const response = await applyRows(transform, checkRequest(parameters), base);
    context.metrics.count("candlewire_transform_rows_total", response.outcomes.length);
    return response;
  });
  context.health("running");
  await untilAborted(context.signal);
}

/** The transform in a file's default export. Throws `transform.bad_export`, which names what is wrong. */
export function checkTransform(name: string, exported: unknown): AnyTransform {
  const problem = (what: string) =>
    new CandlewireError("transform.bad_export", `Start transform ${name}: ${what}`, {
      hint: "Export default { tables: [...], apply(row, context) { … } } as in examples/transforms",
    });
  if (!isRecord(exported)) throw problem(`default export is ${exported === null ? "null" : typeof exported}`);
  if (!Array.isArray(exported.tables) || exported.tables.length === 0) {
    throw problem("tables is no list of names");
  }
  for (const table of exported.tables) {
    if (!(TABLES as readonly unknown[]).includes(table)) {
      throw problem(`no such table: ${JSON.stringify(table)}`);
    }
  }
  if (typeof exported.apply !== "function") throw problem(`apply is ${typeof exported.apply}`);
  if (exported.start !== undefined && typeof exported.start !== "function") {
    throw problem("start is no function");
  }
  return exported as unknown as AnyTransform;
}

/**
 * Hands the rows to the transform one by one, in order. One outcome for each, whatever the transform does (I5): what it
 * throws, or returns out of shape, is a failure of that row alone.
 */
export async function applyRows(
  transform: AnyTransform,
  request: ApplyRequest,
  base: { name: string },
): Promise<ApplyResponse> {
  const { table, columns, rows } = request;
  const outcomes: ApplyOutcome[] = [];
  const alerts: NonNullable<ApplyResponse["alerts"]> = [];
  let row: AnyRow = {};
  const rowContext = {
    ...base,
    table,
    filter: (rule: string): Filtered => ({ filteredBy: String(rule) }),
    emitAlert(alert: AlertInput) {
      if (alerts.length < MAX_ALERTS) alerts.push(completeAlert(base.name, row, alert));
    },
  } as RowContext;
  for (const values of rows) {
    row = {};
    for (let at = 0; at < columns.length; at++) row[columns[at]!] = values[at];
    try {
      let result = transform.apply(row, rowContext);
      if (result instanceof Promise) result = await result;
      outcomes.push(outcomeOf(base.name, columns, result));
    } catch (error) {
      outcomes.push([2, errorText(error).slice(0, 2000)]);
    }
  }
  return alerts.length === 0 ? { outcomes } : { outcomes, alerts };
}

function outcomeOf(name: string, columns: string[], result: unknown): ApplyOutcome {
  if (result === null) return [1, name];
  if (!isRecord(result)) return [2, `Transform ${name} returned ${typeof result}, not a row or null`];
  if (typeof result.filteredBy === "string") return [1, result.filteredBy.slice(0, 128)];
  const values: unknown[] = [];
  for (const column of columns) {
    const value = result[column];
    if (value === undefined) return [2, `Transform ${name} returned a row without column ${column}`];
    values.push(value);
  }
  for (const column in result) {
    if (!columns.includes(column)) return [2, `Transform ${name} returned an unknown column ${column}`];
  }
  return [0, values];
}

function checkRequest(parameters: unknown): ApplyRequest {
  const { table, columns, rows } = isRecord(parameters) ? parameters : {};
  if (
    typeof table !== "string" || !Array.isArray(columns) || !Array.isArray(rows) || !rows.every(Array.isArray)
  ) {
    throw new CandlewireError("transform.bad_request", "Apply: parameters are no {table, columns, rows}");
  }
  return { table: table as ApplyRequest["table"], columns, rows };
}

function completeAlert(name: string, row: AnyRow, alert: AlertInput) {
  const rule = String(alert.rule);
  const symbol = String(alert.symbol);
  const keyColumn = KEY_COLUMNS.find((column) => row[column] !== undefined);
  const timeColumn = TIME_COLUMNS.find((column) => typeof row[column] === "number");
  const key = alert.key ?? (keyColumn === undefined ? "" : String(row[keyColumn]));
  return {
    id: `${name}:${rule}:${symbol}:${key}`,
    rule,
    symbol,
    message: String(alert.message),
    raisedAt: alert.raisedAt ?? (timeColumn === undefined ? 0 : row[timeColumn]) as EpochMs,
    evidence: isRecord(alert.evidence) ? alert.evidence : {},
  };
}
