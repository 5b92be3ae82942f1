import { type Client, types } from "cassandra-driver";
import type { Query } from "../ways/way.ts";
import type { Field, Frame } from "./frame.ts";

/**
 * What HadesArchitect's data source does with a raw query, written after its documentation and behaviour (3.3.0): the range
 * macros become epoch milliseconds, only a SELECT runs, each value of the first column is a frame, and a type that
 * Grafana's frames do not know fails the whole query.
 */
export async function askCassandraPlugin(
  client: Client,
  query: Query & { refId: string },
  range: { from: number; to: number },
): Promise<Frame[]> {
  if (query.queryType !== "query" || query.rawQuery !== true || typeof query.target !== "string") {
    throw new Error(`Not a raw query: ${JSON.stringify(query)}`);
  }
  const cql = query.target
    .replaceAll("$__timeFrom", String(range.from))
    .replaceAll("$__timeTo", String(range.to))
    .replaceAll("$__unixEpochFrom", String(Math.floor(range.from / 1000)))
    .replaceAll("$__unixEpochTo", String(Math.floor(range.to / 1000)));
  if (!/^SELECT /i.test(cql.trim())) throw new Error(`Not a SELECT: ${cql}`);
  if (cql.includes("$")) throw new Error(`A variable is left in ${cql}`);
  const { columns, rows } = await client.execute(cql, [], { prepare: true, fetchSize: 5000 });
  const kinds = columns.map(({ name, type }) => ({ name, ...fieldType(name, type.code) }));
  const frames = new Map<string, Frame>();
  for (const row of rows) {
    const id = String(row[kinds[0]!.name] ?? "");
    let frame = frames.get(id);
    if (frame === undefined) {
      frame = {
        refId: query.refId,
        name: id,
        fields: kinds.map(({ name, type }) => ({ name, type, values: [] })),
      };
      frames.set(id, frame);
    }
    // A null arrives as the type's zero.
    kinds.forEach(({ name, read, zero }, index) =>
      frame.fields[index]!.values.push(row[name] === null ? zero : read(row[name]))
    );
  }
  return [...frames.values()];
}

const { dataTypes } = types;
const plain = (value: unknown) => value;
const ACCEPTED: Record<number, { type: Field["type"]; zero: unknown; read: (value: never) => unknown }> = {
  [dataTypes.double]: { type: "number", zero: 0, read: plain },
  [dataTypes.float]: { type: "number", zero: 0, read: plain },
  [dataTypes.int]: { type: "number", zero: 0, read: plain },
  [dataTypes.bigint]: { type: "number", zero: 0, read: (value: { toString(): string }) => Number(value) },
  [dataTypes.text]: { type: "string", zero: "", read: plain },
  [dataTypes.varchar]: { type: "string", zero: "", read: plain },
  [dataTypes.boolean]: { type: "boolean", zero: false, read: plain },
  [dataTypes.timestamp]: { type: "time", zero: 0, read: (value: Date) => value.getTime() },
};

function fieldType(
  name: string,
  code: number,
): { type: Field["type"]; zero: unknown; read: (value: unknown) => unknown } {
  const found = ACCEPTED[code];
  if (found === undefined) throw new Error(`Field ${name} has a type that the plugin refuses: ${code}`);
  return found as ReturnType<typeof fieldType>;
}
