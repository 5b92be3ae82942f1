import type { Field } from "../frame/frame.ts";
import { field } from "../frame/frame.ts";
import { badCql, identifier, keyword, quoted, type Token } from "./lexer.ts";
import { argumentsOf, durationOf } from "./macros.ts";
import type { Select } from "./statement.ts";

const AGGREGATES = ["avg", "sum", "min", "max", "count", "first", "last"] as const;
type Aggregate = (typeof AGGREGATES)[number];

type Item =
  | { what: "time"; column: string; alias: string; ms: number }
  | { what: "key"; column: string; alias: string }
  | { what: Aggregate; column: string | undefined; alias: string };

/** A select list with `$__timeGroup`: what is to be read, and how the rows become groups. */
export type Grouping = { items: Item[]; list: string };

/**
 * The grouping that a select list asks for; undefined without `$__timeGroup`. Cassandra groups by its key columns in their order, and by
 * `floor()` of a clustering column, but neither by other times nor after filtering: so the rows are read as they are and grouped
 * here. Throws `plugin.bad_query` for lists that cannot be.
 */
export function groupingOf(select: Select, intervalMs: number): Grouping | undefined {
  const { tokens, listAt, fromAt, grouped } = select;
  const list = tokens.slice(listAt, fromAt);
  if (!list.some(({ text }) => text === "$__timeGroup")) return undefined;
  if (grouped) {
    throw badCql(
      "$__timeGroup with GROUP BY or DISTINCT",
      "Leave that out: rows are grouped by the macro and the plain columns",
    );
  }
  const items = split(list).map((tokens) => itemOf(tokens, intervalMs));
  if (items.filter(({ what }) => what === "time").length !== 1) {
    throw badCql("There are several $__timeGroup", "Write one");
  }
  const columns = [...new Set(items.flatMap(({ column }) => column === undefined ? [] : [column]))];
  return { items, list: columns.map(quoted).join(", ") };
}

function itemOf(tokens: Token[], intervalMs: number): Item {
  const aliasAt = tokens.findIndex((token) => keyword(token) === "AS");
  const alias = aliasAt < 0 ? undefined : identifier(tokens[aliasAt + 1]);
  const body = aliasAt < 0 ? tokens : tokens.slice(0, aliasAt);
  if (body[0]?.text === "$__timeGroup") {
    const { args } = argumentsOf(body, 0);
    const column = identifier(args[0]?.[0]);
    if (column === undefined || args.length !== 2) {
      throw badCql("$__timeGroup wants a column and an interval", "Write $__timeGroup(trade_time, 1m)");
    }
    return { what: "time", column, alias: alias ?? "time", ms: durationOf(args[1]!, intervalMs) };
  }
  const name = identifier(body[0]);
  if (name !== undefined && body.length === 1) return { what: "key", column: name, alias: alias ?? name };
  if (name !== undefined && AGGREGATES.includes(name as Aggregate) && body[1]?.text === "(") {
    const { args, end } = argumentsOf(body, 0);
    const star = args[0]?.[0]?.text === "*" || args[0]?.[0]?.text === "1";
    const column = star && name === "count" ? undefined : identifier(args[0]?.[0]);
    if (
      args.length === 1 && args[0]!.length === 1 && end === body.length - 1 &&
      (column !== undefined || (star && name === "count"))
    ) {
      return {
        what: name as Aggregate,
        column,
        alias: alias ?? (column === undefined ? name : `${name}_${column}`),
      };
    }
  }
  throw badCql(
    `Beside $__timeGroup, ${body.map(({ text }) => text).join(" ").slice(0, 60)} cannot be grouped`,
    `Use columns and ${AGGREGATES.join("(), ")}() of one column`,
  );
}

/** Rows as groups, oldest first. `fields` are the columns that were read, by name. Throws `plugin.bad_query` where the time is none. */
export function groupRows({ items }: Grouping, fields: readonly Field[]): Field[] {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const of = (column: string) => byName.get(column)!;
  const time = items.find((item) => item.what === "time")!;
  const times = of(time.column);
  if (times.kind !== "time") throw badCql(`${time.column} is no timestamp`, "Group by a timestamp column");
  const keys = items.filter(({ what }) => what === "key");
  const groups = new Map<string, { at: number; rows: number[] }>();
  for (let row = 0; row < times.values.length; row++) {
    const ms = times.values[row];
    if (ms === null || ms === undefined) continue;
    const at = Math.floor(ms / time.ms) * time.ms;
    const key = JSON.stringify([at, ...keys.map(({ column }) => String(of(column!).values[row]))]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { at, rows: [row] });
    else group.rows.push(row);
  }
  const sorted = [...groups.values()].sort((a, b) => a.at - b.at);
  const inTime = (rows: number[]) => rows.sort((a, b) => times.values[a]! - times.values[b]!);
  for (const { rows } of sorted) inTime(rows);
  return items.map((item) => {
    if (item.what === "time") return field("time", item.alias, sorted.map(({ at }) => at));
    if (item.what === "key") {
      const source = of(item.column);
      return {
        ...source,
        name: item.alias,
        values: sorted.map(({ rows }) => source.values[rows[0]!] ?? null),
      } as Field;
    }
    if (item.what === "count") {
      const source = item.column === undefined ? undefined : of(item.column);
      const count = (rows: number[]) =>
        source === undefined ? rows.length : rows.filter((row) => source.values[row] !== null).length;
      return field("integer", item.alias, sorted.map(({ rows }) => count(rows)));
    }
    const { what } = item;
    const source = of(item.column!);
    if (source.kind !== "number" && source.kind !== "integer") {
      throw badCql(`${item.column} holds no numbers for ${what}()`);
    }
    const values: readonly (number | bigint | null)[] = source.values;
    return field(
      "number",
      item.alias,
      sorted.map(({ rows }) => aggregate(what, rows.map((row) => values[row] ?? null))),
    );
  });
}

function aggregate(what: Exclude<Aggregate, "count">, cells: (number | bigint | null)[]): number | null {
  const values = cells.filter((value) => value !== null).map(Number);
  if (values.length === 0) return null;
  const sum = () => values.reduce((total, value) => total + value, 0);
  switch (what) {
    case "avg":
      return sum() / values.length;
    case "sum":
      return sum();
    case "min":
      return values.reduce((least, value) => Math.min(least, value));
    case "max":
      return values.reduce((most, value) => Math.max(most, value));
    case "first":
      return values[0]!;
    case "last":
      return values.at(-1)!;
  }
}

/** The items of a list, at commas outside of brackets. */
function split(tokens: readonly Token[]): Token[][] {
  const items: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === "(") depth++;
    if (token.text === ")") depth--;
    if (token.text === "," && depth === 0) items.push([]);
    else items.at(-1)!.push(token);
  }
  return items;
}
