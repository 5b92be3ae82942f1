import {
  DEFAULT_LIMIT,
  FORMATS_OF,
  parseChannelPath,
  type QueryFormat,
  type QueryKind,
} from "../../src/datasource/query.ts";

/** What a channel carries; all of it is in its path, so that viewers of the same thing share one stream. */
export type ChannelSpec = {
  kind: QueryKind;
  /** `all`, `edges` or `figures` of the pipeline. */
  symbol: string;
  format: QueryFormat;
  limit: number;
  fields: string[];
};

/** Symbols are upper case, in any script. */
const SYMBOL = /^(?!.*[a-z])[\p{L}\p{N}\p{M}._-]{1,40}$/u;
const PATH = /^([^/]+\/[^/]+)(?:\/([a-z]+)\/(\d+)(?:\/([A-Za-z0-9_.]+))?)?$/;

/**
 * The path of a channel: `<kind>/<symbol>` of {@linkcode channelPath}, and where a query asks for another shape than its kind's default,
 * `/<format>/<limit>` and its fields by dots behind it.
 */
export function pathOf(
  base: string,
  { format, limit, fields }: Pick<ChannelSpec, "format" | "limit" | "fields">,
): string {
  const kind = base.slice(0, base.indexOf("/")) as QueryKind;
  // The limit of rows is the first answer's affair; a book's levels are in every packet.
  const shown = kind === "book" ? limit : DEFAULT_LIMIT[kind];
  const plain = format === FORMATS_OF[kind][0] && shown === DEFAULT_LIMIT[kind] && fields.length === 0;
  return plain ? base : `${base}/${format}/${shown}${fields.length === 0 ? "" : `/${fields.join(".")}`}`;
}

/** Takes a path of {@linkcode pathOf} apart; undefined when it is none. */
export function parsePath(path: string): ChannelSpec | undefined {
  const match = PATH.exec(path);
  const base = match === null ? undefined : parseChannelPath(match[1]!);
  if (match === null || base === undefined) return undefined;
  const { kind, symbol = "all" } = base;
  // A symbol that the control API refuses would end the connection that others share.
  if (kind !== "pipeline" && (base.symbol === undefined || !SYMBOL.test(symbol))) return undefined;
  const format = (match[2] ?? FORMATS_OF[kind][0]) as QueryFormat;
  const limit = match[3] === undefined ? DEFAULT_LIMIT[kind] : Number(match[3]);
  if (!FORMATS_OF[kind].includes(format) || !Number.isSafeInteger(limit) || limit < 1) return undefined;
  return { kind, symbol, format, limit, fields: match[4]?.split(".") ?? [] };
}
