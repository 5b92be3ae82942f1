import { badCql, identifier, keyword, quoted, type Token } from "./lexer.ts";
import type { Select } from "./statement.ts";

/** What macros stand for. Times in [from, to), epoch ms. */
export type MacroValues = {
  from: number;
  to: number;
  intervalMs: number;
  symbols: readonly string[];
  keyspace: string;
};

/** A statement to prepare, and its values in the order of its markers. */
export type Bound = { cql: string; values: unknown[] };

/**
 * A SELECT with its macros replaced. Values are bound, never put into the text:
 * `$__timeFilter(col)` → `col >= ? AND col < ?`, `$__timeFrom`, `$__timeTo` (exclusive) and `$__symbol` → `?` (several symbols: `?, ?`, for
 * `IN ($__symbol)`), `$__interval` → a duration such as `30000ms`. `$__timeGroup` is the select list's, see group.ts; here it is its
 * column. The table is written with its keyspace. Throws `plugin.bad_query`.
 */
export function bindMacros(select: Select, options: MacroValues & { list?: string }): Bound {
  const { cql, tokens, tableAt, afterTable, fromAt } = select;
  const values: unknown[] = [];
  let text = "";
  // What stands between tokens but comments is kept as one space.
  const write = (piece: string) => void (text += text === "" ? piece : ` ${piece}`);
  for (let at = 0; at < tokens.length; at++) {
    if (options.list !== undefined && at === select.listAt) {
      write(options.list);
      at = fromAt;
    }
    const token = tokens[at]!;
    if (at === tableAt) {
      write(`${quoted(select.keyspace ?? options.keyspace)}.${quoted(select.table)}`);
      at = afterTable - 1;
      continue;
    }
    if (token.kind !== "macro") {
      // Pieces that touched, such as those of a UUID or of 1.5e-3, must go on touching.
      const touches = at > 0 && tokens[at - 1]!.end === token.start && text.endsWith(tokens[at - 1]!.text);
      if (touches) text += cql.slice(token.start, token.end);
      else write(cql.slice(token.start, token.end));
      continue;
    }
    at = writeMacro({ select, at, write, values, options });
  }
  return { cql: text, values };
}

/** Writes a macro and answers with the position of its last token. */
function writeMacro(
  { select, at, write, values, options }: {
    select: Select;
    at: number;
    write: (piece: string) => void;
    values: unknown[];
    options: MacroValues;
  },
): number {
  const { tokens } = select;
  const { from, to, symbols, intervalMs } = options;
  const bind = (value: unknown) => {
    values.push(value);
    return "?";
  };
  switch (tokens[at]!.text) {
    case "$__timeFilter": {
      const { args, end } = argumentsOf(tokens, at);
      const column = identifier(args[0]?.[0]);
      if (column === undefined || args.length !== 1) {
        throw badCql("$__timeFilter wants one column", "Write $__timeFilter(trade_time)");
      }
      write(`${quoted(column)} >= ${bind(new Date(from))} AND ${quoted(column)} < ${bind(new Date(to))}`);
      return end;
    }
    case "$__timeFrom":
      write(bind(new Date(from)));
      return skipCall(tokens, at);
    case "$__timeTo":
      write(bind(new Date(to)));
      return skipCall(tokens, at);
    case "$__interval":
      write(`${intervalMs}ms`);
      return at;
    case "$__symbol": {
      if (symbols.length === 0) throw badCql("$__symbol has no value", "Choose a symbol in the query");
      if (symbols.length > 1 && tokens[at - 1]?.text === "=") {
        throw badCql(`$__symbol stands for ${symbols.length} symbols`, "Write symbol IN ($__symbol)");
      }
      write(symbols.map(bind).join(", "));
      return at;
    }
    case "$__timeGroup":
      throw badCql(
        "$__timeGroup stands outside of the select list",
        "Write SELECT $__timeGroup(trade_time, 1m) AS time, avg(price) FROM …, without GROUP BY",
      );
    default:
      throw badCql(
        `There is no macro ${tokens[at]!.text}`,
        "There are $__timeFilter(col), $__timeFrom, $__timeTo, $__timeGroup(col, interval), $__interval, $__symbol",
      );
  }
}

/** The arguments of a call that begins at a token, each its tokens. */
export function argumentsOf(tokens: readonly Token[], at: number): { args: Token[][]; end: number } {
  if (tokens[at + 1]?.text !== "(") {
    throw badCql(`${tokens[at]!.text} has no brackets`, `Write ${tokens[at]!.text}(…)`);
  }
  const args: Token[][] = [[]];
  let depth = 0;
  for (let end = at + 1; end < tokens.length; end++) {
    const token = tokens[end]!;
    if (token.text === "(" && depth++ === 0) continue;
    if (token.text === ")" && --depth === 0) return { args, end };
    if (token.text === "," && depth === 1) args.push([]);
    else args.at(-1)!.push(token);
  }
  throw badCql("Its brackets do not match");
}

/** `$__timeFrom()` is as good as `$__timeFrom`. */
function skipCall(tokens: readonly Token[], at: number): number {
  return tokens[at + 1]?.text === "(" && tokens[at + 2]?.text === ")" ? at + 2 : at;
}

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `5m`, `1h30m` and `$__interval` in ms. Throws `plugin.bad_query` for anything else. */
export function durationOf(tokens: readonly Token[], intervalMs: number): number {
  const text = tokens.map(({ text }) => text).join("").replace(/^'(.*)'$/, "$1");
  if (text === "$__interval" || keyword(tokens[0]) === "AUTO") return intervalMs;
  let ms = 0;
  const rest = text.replace(/(\d+)(ms|[smhdw])/g, (_, count: string, unit: string) => {
    ms += Number(count) * UNITS[unit]!;
    return "";
  });
  if (rest !== "" || ms <= 0) {
    throw badCql(`"${text}" is no interval`, "Write one such as 30s, 5m, 1h or $__interval");
  }
  return ms;
}
