import { answerFrames } from "../../backend/kind/answer.ts";
import { readKind } from "../../backend/kind/read_kind.ts";
import { requestOf } from "../../backend/kind/request.ts";
import { Instance } from "../../backend/instance/instance.ts";
import { settingsOf } from "../../backend/instance/settings.ts";
import type { FieldKind, Frame as BackendFrame } from "../../backend/frame/frame.ts";
import type { Query } from "../ways/way.ts";
import type { Field, Frame } from "./frame.ts";

type DataQuery = Parameters<typeof requestOf>[0];
type PluginContext = Parameters<typeof settingsOf>[0];

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Our own data source as its backend opens it from Grafana's settings. */
export function ownInstance(
  uid: string,
  jsonData: Record<string, unknown>,
  secureJsonData: Record<string, string>,
): Instance {
  const settings = { uid, jsonData: bytes(jsonData), decryptedSecureJsonData: secureJsonData };
  return new Instance(settingsOf({ dataSourceInstanceSettings: settings } as unknown as PluginContext));
}

/** What the backend answers to a saved query, before it is encoded for Grafana. */
export async function askOwnBackend(
  instance: Instance,
  query: Query & { refId: string },
  range: { from: number; to: number },
): Promise<BackendFrame[]> {
  const { signal } = new AbortController();
  const { refId, ...model } = query;
  const asked = {
    refId,
    json: bytes(model),
    intervalMS: 15_000n,
    maxDataPoints: 1000n,
    timeRange: { fromEpochMS: BigInt(range.from), toEpochMS: BigInt(range.to) },
  };
  const request = requestOf(asked as unknown as DataQuery, instance, signal);
  return answerFrames(await readKind(request, instance), request, { uid: instance.settings.uid });
}

const TYPES: Record<FieldKind, Field["type"]> = {
  time: "time",
  number: "number",
  integer: "number",
  text: "string",
  bool: "boolean",
};

/** The same as a panel's transformations take it. */
export function asFrames(frames: BackendFrame[]): Frame[] {
  return frames.map(({ refId, name, fields }) => ({
    refId: refId!,
    name,
    fields: fields.map(({ name, kind, values }) => ({
      name,
      type: TYPES[kind],
      values: values.map((value) => typeof value === "bigint" ? Number(value) : value),
    })),
  }));
}
