import { CandlewireError } from "../../../runtime/error.ts";

/** A piece of a statement. `name`: a quoted name; `macro`: `$__…`. */
export type Token = {
  kind: "word" | "name" | "string" | "number" | "macro" | "symbol";
  /** As written. */
  text: string;
  start: number;
  end: number;
};

const SPACE = /\s+/y;
const COMMENT = /--[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const RULES: readonly (readonly [Token["kind"], RegExp])[] = [
  ["macro", /\$__\w+/y],
  ["string", /\$\$[\s\S]*?\$\$|'(?:[^']|'')*'/y],
  ["name", /"(?:[^"]|"")+"/y],
  // UUIDs begin with a digit or a letter; taken apart or not, they are written again as they were.
  ["number", /0[xX][0-9a-fA-F]*|\d[\w.]*/y],
  ["word", /[A-Za-z_][A-Za-z0-9_]*/y],
  ["symbol", /[<>!]=|[(){}\[\],.;=<>+\-*/%?:]/y],
];

/** CQL in pieces, without comments and space. Throws `plugin.bad_query` where it cannot be read, with the place. */
export function tokensOf(cql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (rule: RegExp): string | undefined => {
    rule.lastIndex = at;
    return rule.exec(cql)?.[0];
  };
  while (at < cql.length) {
    const skipped = match(SPACE) ?? match(COMMENT);
    if (skipped !== undefined) {
      at += skipped.length;
      continue;
    }
    if (cql.startsWith("/*", at)) throw badCql(problemAt(cql, at));
    const found = RULES.map(([kind, rule]) => ({ kind, text: match(rule) })).find(({ text }) =>
      text !== undefined
    );
    if (found === undefined) throw badCql(problemAt(cql, at));
    tokens.push({ kind: found.kind, text: found.text!, start: at, end: at + found.text!.length });
    at += found.text!.length;
  }
  return tokens;
}

function problemAt(cql: string, at: number): string {
  const line = cql.slice(0, at).split("\n").length;
  const rest = cql.slice(at, at + 20).split("\n")[0]!;
  const char = cql[at]!;
  if (char === "'") return `The text that begins in line ${line} has no end: ${rest}`;
  if (char === '"') return `The name that begins in line ${line} has no end: ${rest}`;
  if (cql.startsWith("/*", at)) return `The comment that begins in line ${line} has no end: ${rest}`;
  if (char === "$") {
    return `${
      /^\$\{?[\w:]*\}?/.exec(cql.slice(at))![0]
    } in line ${line} is no macro and no variable of the dashboard`;
  }
  return `"${char}" in line ${line} is not CQL: ${rest}`;
}

/** A word's meaning: upper case. Empty for what is no word. */
export function keyword(token: Token | undefined): string {
  return token?.kind === "word" ? token.text.toUpperCase() : "";
}

/** The name that a word or a quoted name stands for; undefined for other tokens. */
export function identifier(token: Token | undefined): string | undefined {
  if (token?.kind === "word") return token.text.toLowerCase();
  if (token?.kind === "name") return token.text.slice(1, -1).replaceAll('""', '"');
  return undefined;
}

/** How a name is written in CQL. */
export function quoted(name: string): string {
  return /^[a-z][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** The error of a statement, with what would be right. */
export function badCql(what: string, hint?: string): CandlewireError {
  return new CandlewireError("plugin.bad_query", `Read the CQL: ${what}`, { hint });
}
