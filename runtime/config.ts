import { z } from "zod";
import { captureConfig } from "./capture/config.ts";
import { cassandraConfig } from "./cassandra/config.ts";
import { connectConfig } from "./connect/config.ts";
import { consumerConfigSchema } from "./consumer/config.ts";
import { controlConfig } from "./control/config.ts";
import { CandlewireError } from "./error.ts";
import { exchangeMarketConfig } from "./exchange/config.ts";
import { serverConfig } from "./exchange/server/config.ts";
import { hostConfigSchema } from "./host/config.ts";
import { kafkaConfig } from "./kafka/config.ts";
import { postgresConfig } from "./postgres/config.ts";
import { producerConfig } from "./producer/config.ts";

/** Hosts that serve market data only; reachable from regions where the trading hosts answer 403 or 451. */
export const MARKET_DATA_ONLY = {
  restUrl: "https://data-api.binance.vision",
  wsUrl: "wss://data-stream.binance.vision",
};

/** Keys whose text is a reference for another program: Connect's worker looks that one up, not we. */
export const VERBATIM_KEYS = ["connect.passwordReference"] as const;

/**
 * The whole configuration: each component's section lies beside the component, defaults exist there only. A file is JSON
 * with any part of it; unknown keys are refused.
 */
export const configSchema = z.strictObject({
  dataDir: z.string().min(1).default("data").describe("Folder of all state: database, journal, store, tokens")
    .meta({
      example: "/var/lib/candlewire",
    }),
  profile: z.enum(["embedded", "cluster"]).default("embedded").describe("Which adapters are used"),
  only: z.enum(["producer", "capture", "consumer"]).nullable().default(null)
    .describe("The one part of the pipeline that this host runs (cluster profile); null: all"),
  instances: z.int().min(1).max(64).default(1)
    .describe("Consumers of this host, which share the log's partitions (cluster profile)").meta({
      example: 3,
    }),
  symbols: z.array(z.string().min(1).max(40)).min(1).max(300).nullable().default(null)
    .describe("Symbols whose trades, candles and books are kept; null: the 20 with the highest quote volume")
    .meta({ example: ["BTCUSDT", "ETHUSDT"] }),
  source: z.strictObject({
    kind: z.enum(["binance", "exchange"]).default("binance").describe(
      "The live market, or the exchange on this machine",
    ),
    restUrl: z.url().nullable().default(null).describe("REST base; null: the kind's own")
      .meta({ example: MARKET_DATA_ONLY.restUrl }),
    wsUrl: z.url().nullable().default(null).describe("WebSocket base; null: the kind's own")
      .meta({ example: MARKET_DATA_ONLY.wsUrl }),
  }).prefault({}),
  listen: z.strictObject({
    host: z.string().min(1).default("127.0.0.1").describe(
      "Address of the control API; beyond loopback needs tokens",
    ),
    port: z.number().int().min(0).max(65535).default(8787).describe(
      "Port of the control API; 0 takes a free one",
    ),
  }).prefault({}),
  tokens: z.strictObject({
    viewer: z.string().min(16).describe("Reads").meta({ secret: true }),
    operator: z.string().min(16).describe("Reads and changes").meta({ secret: true }),
  }).nullable().default(null).describe(
    "Tokens of the control API; null makes them, in <dataDir>/tokens.json",
  ),
  exchange: z.strictObject({
    market: exchangeMarketConfig.prefault({}),
    server: serverConfig.prefault({}),
  }).prefault({}),
  postgres: postgresConfig.prefault({}),
  producer: producerConfig.prefault({}),
  capture: captureConfig.prefault({}),
  consumer: consumerConfigSchema.prefault({}),
  host: hostConfigSchema.prefault({}),
  control: controlConfig.prefault({}),
  kafka: kafkaConfig.prefault({}),
  connect: connectConfig.prefault({}),
  cassandra: cassandraConfig.prefault({}),
});

/** The validated configuration. */
export type Config = z.infer<typeof configSchema>;

/** A part of a configuration, as a file or the command line gives it. */
export type ConfigPart = { [key: string]: unknown };

/**
 * Reads a configuration: parts are merged in order (later wins), then checked as a whole. Throws `config.invalid`
 * that lists every problem with its path, the value found and what would do.
 */
export function readConfig(...parts: ConfigPart[]): Config {
  const merged = parts.reduce((whole, part) => merge(whole, part), {});
  const result = configSchema.safeParse(merged, { reportInput: true });
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => problemText(issue, configSchema));
  throw new CandlewireError("config.invalid", `Read the configuration: ${problems.join("; ")}`, {
    retry: "operator",
    hint: "deno task start --print-config shows every key with its meaning and default",
  });
}

/** The text of a configuration file to a part. */
export function parseConfigFile(text: string, file: string): ConfigPart {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CandlewireError("config.not_json", `Read ${file}: ${(error as Error).message}`, {
      retry: "operator",
      hint: "The file must be one JSON object",
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CandlewireError(
      "config.not_json",
      `Read ${file}: it holds ${JSON.stringify(value).slice(0, 60)}`,
      {
        retry: "operator",
        hint: "The file must be one JSON object",
      },
    );
  }
  return value as ConfigPart;
}

/** Objects are merged key by key; anything else replaces. */
function merge(left: ConfigPart, right: ConfigPart): ConfigPart {
  const result: ConfigPart = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const known = Object.hasOwn(result, key) ? result[key] : undefined;
    result[key] = isObject(known) && isObject(value) ? merge(known, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is ConfigPart {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function problemText(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => {
      const near = known.map((name) => ({ name, distance: editDistance(name, key) }))
        .sort((a, b) => a.distance - b.distance)[0];
      const remedy = near !== undefined && near.distance <= 3
        ? `did you mean "${path === "" ? near.name : `${path}.${near.name}`}"?`
        : `known here: ${known.join(", ")}`;
      return `unknown key "${path === "" ? key : `${path}.${key}`}", ${remedy}`;
    }).join("; ");
  }
  // I6: a secret appears in no message, a wrong one neither.
  const found = issue.input === undefined
    ? "nothing"
    : isSecret(schema, issue.path)
    ? "a secret that is not shown"
    : JSON.stringify(issue.input)?.slice(0, 80);
  return `"${path}" is ${found}: ${issue.message}`;
}

/** The keys that an object at a path of the schema knows. */
function keysAt(schema: z.ZodType, path: PropertyKey[]): string[] {
  // deno-lint-ignore no-explicit-any
  let at: any = schema;
  for (const key of [...path, undefined]) {
    while (at?.def?.innerType !== undefined) at = at.def.innerType;
    if (key === undefined) break;
    at = at?.shape?.[key] ?? at?.element;
  }
  // A record's keys are those of the enumeration that its key is of.
  return Object.keys(at?.shape ?? at?.def?.keyType?.def?.entries ?? {});
}

/** Whether what stands at a path of the schema, or above it, is marked as a secret. */
function isSecret(schema: z.ZodType, path: PropertyKey[]): boolean {
  // deno-lint-ignore no-explicit-any
  let at: any = schema;
  for (const key of [...path, undefined]) {
    if (at?.meta?.()?.secret === true) return true;
    while (at?.def?.innerType !== undefined) {
      at = at.def.innerType;
      if (at?.meta?.()?.secret === true) return true;
    }
    if (key === undefined) break;
    at = at?.shape?.[key] ?? at?.element;
  }
  return false;
}

/** Levenshtein's distance, for "did you mean". */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(
        Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** Every key with its default, unit and meaning, one a line, for people. */
export function describeConfig(): string {
  const lines: string[] = [];
  // deno-lint-ignore no-explicit-any
  const walk = (schema: any, path: string, defaultValue: unknown) => {
    let at = schema;
    let about = at.description as string | undefined;
    let unit = at.meta?.()?.unit as string | undefined;
    while (at?.def?.innerType !== undefined) {
      if (at.def.type === "default") defaultValue = at.def.defaultValue;
      at = at.def.innerType;
      about ??= at.description;
      unit ??= at.meta?.()?.unit;
    }
    if (at?.shape !== undefined && defaultValue === undefined) {
      if (about !== undefined && path !== "") lines.push(`# ${path}: ${about}`);
      for (const [key, inner] of Object.entries(at.shape)) {
        walk(inner, path === "" ? key : `${path}.${key}`, undefined);
      }
      return;
    }
    const shown = defaultValue === undefined ? "(none)" : JSON.stringify(defaultValue);
    lines.push(`${path} = ${shown}${unit === undefined ? "" : ` ${unit}`}\n    ${about ?? ""}`);
  };
  walk(configSchema, "", undefined);
  return lines.join("\n");
}
