import { Buffer } from "node:buffer";
import { jsonText } from "./json_text.ts";

/** Debezium's `hstore.handling.mode`: `map` is a JSON object, `json` the same as a string. */
export type HstoreHandlingMode = "map" | "json";

/** `"key"=>"value", "other"=>NULL` as a JSON object. */
export function hstoreEncoder(mode: HstoreHandlingMode): (text: string) => string {
  return (text) => {
    const pairs: string[] = [];
    for (const match of text.matchAll(/"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)/gs)) {
      const value = match[2] === undefined ? "null" : jsonText(unescape(match[2]));
      pairs.push(`${jsonText(unescape(match[1]!))}:${value}`);
    }
    const json = `{${pairs.join(",")}}`;
    return mode === "map" ? json : JSON.stringify(json);
  };
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/gs, "$1");
}

/** `(x,y)` as Debezium's `io.debezium.data.geometry.Point`, with its well-known binary. */
export function pointText(text: string): string {
  const match = /^\((.+),(.+)\)$/.exec(text);
  const x = Number(match?.[1]);
  const y = Number(match?.[2]);
  if (match === null || Number.isNaN(x) || Number.isNaN(y)) return jsonText(text);
  const wkb = Buffer.alloc(21);
  wkb.writeUInt8(1, 0);
  wkb.writeUInt32LE(1, 1);
  wkb.writeDoubleLE(x, 5);
  wkb.writeDoubleLE(y, 13);
  return `{"x":${numberText(x)},"y":${numberText(y)},"wkb":"${wkb.toString("base64")}","srid":null}`;
}

/** PostGIS hex EWKB as Debezium's `Geometry`: the bytes as they are, and the SRID when they carry one. */
export function geometryText(text: string): string {
  const bytes = Buffer.from(text, "hex");
  if (bytes.length < 9 || bytes.length * 2 !== text.length) return jsonText(text);
  const little = bytes[0] !== 0;
  const type = little ? bytes.readUInt32LE(1) : bytes.readUInt32BE(1);
  const srid = (type & 0x20000000) === 0 ? "null" : little ? bytes.readInt32LE(5) : bytes.readInt32BE(5);
  return `{"wkb":"${bytes.toString("base64")}","srid":${srid}}`;
}

/** pgvector's `{1:1.5,3:2}/5`; its map has number keys, which Kafka's JsonConverter writes as pairs. */
export function sparseVectorText(text: string): string {
  const match = /^\{(.*)\}\/(\d+)$/.exec(text);
  if (match === null) return jsonText(text);
  const pairs = match[1] === "" ? [] : match[1]!.split(",").map((pair) => `[${pair.replace(":", ",")}]`);
  return `{"dimensions":${match[2]},"vector":[${pairs.join(",")}]}`;
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}
