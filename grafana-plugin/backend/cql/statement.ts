import { isSystemKeyspace } from "../instance/settings.ts";
import { badCql, identifier, keyword, type Token, tokensOf } from "./lexer.ts";

/** A SELECT, as far as it must be understood to be let through. */
export type Select = {
  cql: string;
  /** Without a semicolon at the end. */
  tokens: Token[];
  /** Undefined: the data source's. */
  keyspace: string | undefined;
  table: string;
  /** Positions among the tokens: of the first of the table's name and of what follows it. */
  tableAt: number;
  afterTable: number;
  /** The select list, positions among the tokens. */
  listAt: number;
  fromAt: number;
  /** Columns that WHERE restricts by `=` or `IN`. */
  restricted: Set<string>;
  allowFiltering: boolean;
  /** It has GROUP BY or DISTINCT of its own. */
  grouped: boolean;
};

const CLAUSES = new Set(["GROUP", "ORDER", "PER", "LIMIT", "ALLOW"]);

/**
 * Reads a statement and throws `plugin.bad_query` for all that is no single SELECT on a table that is not the servers' own. That is a
 * first fence; the role that the data source logs in with is the second and should hold SELECT alone.
 */
export function parseSelect(cql: string): Select {
  const tokens = tokensOf(cql);
  while (tokens.at(-1)?.text === ";") tokens.pop();
  if (tokens.length === 0) throw badCql("It is empty", "Write a SELECT");
  if (keyword(tokens[0]) !== "SELECT") {
    throw badCql(
      `It begins with ${tokens[0]!.text.slice(0, 40)}`,
      "Write a SELECT: the data source only reads",
    );
  }
  const depths = depthsOf(tokens);
  const outer = (word: string, from = 0) =>
    tokens.findIndex((token, at) => at >= from && depths[at] === 0 && keyword(token) === word);
  if (tokens.some(({ text, kind }) => kind === "symbol" && text === ";")) {
    throw badCql("It holds several statements", "Write one SELECT a query");
  }
  const marker = tokens.find(({ text, kind }, at) =>
    kind === "symbol" && (text === "?" || (text === ":" && depths[at] === 0))
  );
  if (marker !== undefined) {
    throw badCql(
      `It holds the bind marker ${marker.text}`,
      "Write values themselves, or macros such as $__symbol",
    );
  }
  const inText = tokens.find(({ kind, text }) =>
    (kind === "string" || kind === "name") && text.includes("$__")
  );
  if (inText !== undefined) {
    throw badCql(
      `The macro in ${inText.text} stands in quotes`,
      "Write it without: its value is bound, not put into the text",
    );
  }
  const fromAt = outer("FROM");
  if (fromAt < 0) throw badCql("It has no FROM", "Write SELECT … FROM table");
  const first = identifier(tokens[fromAt + 1]);
  if (first === undefined) throw badCql("FROM names no table", "Write SELECT … FROM table");
  const withKeyspace = tokens[fromAt + 2]?.text === ".";
  const second = withKeyspace ? identifier(tokens[fromAt + 3]) : undefined;
  if (withKeyspace && second === undefined) {
    throw badCql(`FROM names no table of ${first}`, "Write SELECT … FROM keyspace.table");
  }
  const keyspace = withKeyspace ? first : undefined;
  if (keyspace !== undefined && isSystemKeyspace(keyspace)) {
    throw badCql(`Keyspace ${keyspace} is the servers' own`, "Read the market's keyspace");
  }
  const afterTable = fromAt + (withKeyspace ? 4 : 2);
  const allowAt = outer("ALLOW", afterTable);
  return {
    cql,
    tokens,
    keyspace,
    table: second ?? first,
    tableAt: fromAt + 1,
    afterTable,
    listAt: keyword(tokens[1]) === "DISTINCT" ? 2 : 1,
    fromAt,
    restricted: restrictedOf(tokens, depths, outer("WHERE", afterTable)),
    allowFiltering: allowAt >= 0 && keyword(tokens[allowAt + 1]) === "FILTERING",
    grouped: outer("GROUP", afterTable) >= 0 || keyword(tokens[1]) === "DISTINCT",
  };
}

/** Throws unless the whole partition key is restricted where filtering is allowed: without it every node reads everything. */
export function checkFiltering(select: Select, partitionKey: readonly string[]): void {
  if (!select.allowFiltering) return;
  const open = partitionKey.filter((column) => !select.restricted.has(column));
  if (open.length === 0) return;
  throw badCql(
    `ALLOW FILTERING on ${select.table} without ${open.join(", ")} would read the whole table on every node`,
    `Restrict the partition key, such as WHERE ${open[0]} = $__symbol`,
  );
}

/** How many brackets are open around each token. */
function depthsOf(tokens: readonly Token[]): number[] {
  let depth = 0;
  const depths = tokens.map(({ kind, text }) => {
    if (kind !== "symbol") return depth;
    if ("([{".includes(text)) return depth++;
    if (")]}".includes(text)) return --depth;
    return depth;
  });
  if (depth !== 0 || depths.some((one) => one < 0)) throw badCql("Its brackets do not match");
  return depths;
}

function restrictedOf(tokens: readonly Token[], depths: readonly number[], whereAt: number): Set<string> {
  const restricted = new Set<string>();
  if (whereAt < 0) return restricted;
  let at = whereAt;
  while (at < tokens.length && !(at > whereAt && depths[at] === 0 && CLAUSES.has(keyword(tokens[at])))) {
    const begins = at === whereAt || (depths[at] === 0 && keyword(tokens[at]) === "AND");
    const column = begins ? identifier(tokens[at + 1]) : undefined;
    const operator = tokens[at + 2];
    if (column !== undefined && (operator?.text === "=" || keyword(operator) === "IN")) {
      restricted.add(column);
    }
    at++;
  }
  return restricted;
}
