import type { Query } from "../ways/way.ts";
import type { Field, Frame } from "./frame.ts";

/** An HTTP call below the data source's base address, with its bearer token. */
export type Get = (pathAndQuery: string) => Promise<Response>;

type InfinityQuery = {
  refId: string;
  type: string;
  source: string;
  parser: string;
  format: string;
  url: string;
  url_options: { method: string; params: { key: string; value: string }[] };
  root_selector: string;
  columns: { selector: string; text: string; type: string }[];
};

/**
 * What Infinity's backend parser does with a JSON query from a URL, as far as our queries go: parameters are encoded, the root
 * selector picks an array or an object, each column's selector one value of a row, and the column's type says how it is read.
 */
export async function askInfinityPlugin(get: Get, given: Query & { refId: string }): Promise<Frame[]> {
  const query = given as unknown as InfinityQuery;
  if (
    query.type !== "json" || query.source !== "url" || query.parser !== "backend" || query.format !== "table"
  ) {
    throw new Error(`Not a JSON query of the backend parser: ${JSON.stringify(query)}`);
  }
  if (query.url_options.method !== "GET") {
    throw new Error(`Method ${query.url_options.method} is not for reading`);
  }
  const params = new URLSearchParams(query.url_options.params.map(({ key, value }) => [key, value]));
  const response = await get(`${query.url}?${params}`);
  if (!response.ok) throw new Error(`${query.url}?${params}: ${response.status} ${await response.text()}`);
  const root = select(await response.json(), query.root_selector);
  if (root === undefined) throw new Error(`Root selector ${query.root_selector} finds nothing`);
  const rows = Array.isArray(root) ? root : [root];
  // Without a row it answers with no columns.
  if (rows.length === 0) return [{ refId: query.refId, fields: [] }];
  const fields = query.columns.map(({ selector, text, type }): Field => ({
    name: text,
    type: TYPES[type] ?? fail(`Column type ${type} is none of ours`),
    values: rows.map((row) => read(select(row, selector), type)),
  }));
  // Columns come in the order of their names.
  return [{ refId: query.refId, fields: fields.sort((a, b) => a.name < b.name ? -1 : 1) }];
}

const TYPES: Record<string, Field["type"]> = { string: "string", number: "number", timestamp_epoch: "time" };

/** A dotted path of member names; our selectors are no more than that. */
function select(value: unknown, path: string): unknown {
  if (path === "") return value;
  if (!/^\w+(\.\w+)*$/.test(path)) throw new Error(`Selector ${path} is no path of names`);
  return path.split(".").reduce(
    (inner, name) => (inner as Record<string, unknown> | null | undefined)?.[name],
    value,
  );
}

function read(value: unknown, type: string): unknown {
  if (value === undefined || value === null) return null;
  if (type === "string") return String(value);
  const number = Number(value);
  return typeof value === "boolean" || Number.isNaN(number) ? null : number;
}

function fail(message: string): never {
  throw new Error(message);
}
