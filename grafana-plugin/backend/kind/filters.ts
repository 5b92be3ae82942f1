import { CandlewireError } from "../../../runtime/error.ts";
import type { RowFilter } from "../../src/datasource/query.ts";
import { type Field, type Frame, lengthOf, takeRows } from "../frame/frame.ts";

/** Characters of a pattern at most: long ones are where backtracking hurts. */
const MAX_PATTERN = 200;

type Test = (value: unknown) => boolean;

/**
 * The rows of a frame that every filter lets through, and the keys that the frame has no column for. Numbers and times compare
 * as such, texts by code point; `=~` is a JavaScript pattern on the text. Null passes `!=` and `!~` only. Throws
 * `plugin.bad_query` for a value that fits no operator.
 */
export function filterRows(frame: Frame, filters: readonly RowFilter[]): { frame: Frame; unknown: string[] } {
  const unknown: string[] = [];
  const tests: { field: Field; test: Test }[] = [];
  for (const filter of filters) {
    const field = frame.fields.find(({ name }) => name === filter.key);
    const label = frame.fields.find(({ labels }) => labels?.[filter.key] !== undefined)?.labels?.[filter.key];
    if (field !== undefined) tests.push({ field, test: testOf(filter, field.kind) });
    else if (label === undefined) unknown.push(filter.key);
    else if (!testOf(filter, "text")(label)) return { frame: takeRows(frame, []), unknown };
  }
  if (tests.length === 0) return { frame, unknown };
  const rows: number[] = [];
  for (let row = 0; row < lengthOf(frame); row++) {
    if (tests.every(({ field, test }) => test(field.values[row] ?? null))) rows.push(row);
  }
  return { frame: takeRows(frame, rows), unknown };
}

function testOf({ key, operator, value }: RowFilter, kind: Field["kind"]): Test {
  if (operator === "=~" || operator === "!~") {
    const pattern = patternOf(key, value);
    const wanted = operator === "=~";
    return (cell) => cell === null ? !wanted : pattern.test(textOf(cell, kind)) === wanted;
  }
  const order = comparer(key, value, kind);
  return (cell) => {
    if (cell === null) return operator === "!=";
    const sign = order(cell);
    switch (operator) {
      case "=":
        return sign === 0;
      case "!=":
        return sign !== 0;
      case "<":
        return sign < 0;
      case "<=":
        return sign <= 0;
      case ">":
        return sign > 0;
      case ">=":
        return sign >= 0;
      default:
        throw bad(`filter on ${key} has the operator ${JSON.stringify(operator satisfies never)}`);
    }
  };
}

/** The sign of cell − value. */
function comparer(key: string, value: string, kind: Field["kind"]): (cell: unknown) => number {
  switch (kind) {
    case "number":
    case "integer": {
      const wanted = Number(value);
      if (value.trim() === "" || Number.isNaN(wanted)) {
        throw bad(`filter on ${key} compares numbers with "${value}"`);
      }
      return (cell) => Math.sign(Number(cell) - wanted);
    }
    case "time": {
      const wanted = /^-?\d+$/.test(value.trim()) ? Number(value) : Date.parse(value);
      if (Number.isNaN(wanted)) {
        throw bad(`filter on ${key} compares times with "${value}"; give an ISO instant or epoch ms`);
      }
      return (cell) => Math.sign((cell as number) - wanted);
    }
    case "bool":
    case "text":
      return (cell) => {
        const text = String(cell);
        return text === value ? 0 : text < value ? -1 : 1;
      };
  }
}

function textOf(cell: unknown, kind: Field["kind"]): string {
  return kind === "time" ? new Date(cell as number).toISOString() : String(cell);
}

function patternOf(key: string, value: string): RegExp {
  if (value.length > MAX_PATTERN) {
    throw bad(`filter on ${key} has a pattern of ${value.length} characters, at most ${MAX_PATTERN}`);
  }
  // A repeated group that repeats inside takes time without end on a text that almost fits.
  if (/\([^)]*[+*}][^)]*\)\s*[+*{]/.test(value)) {
    throw bad(`filter on ${key} repeats a repetition in "${value}"; write it without nesting`);
  }
  try {
    return new RegExp(value, "u");
  } catch (error) {
    throw bad(`filter on ${key} has no valid pattern: ${(error as Error).message}`);
  }
}

function bad(what: string): CandlewireError {
  return new CandlewireError("plugin.bad_query", `Read the query: ${what}`);
}
