import type { Pipeline } from "../../../runtime/console/types.js";
import { CandlewireError } from "../../../runtime/error.ts";
import type { Instance } from "../instance/instance.ts";
import { problemOf } from "../problem.ts";

/** What the settings page shows after "Save & test". */
export type Health = { ok: boolean; message: string; details: Record<string, unknown> };

type Part = { name: string; ok: boolean; text: string; details: Record<string, unknown> };

/** The tables without which no kind of query answers. */
const TABLES = [
  "crypto_24h_stats",
  "latest_prices",
  "klines",
  "order_book",
  "recent_trades",
  "stats_marks",
  "origin",
];

/** Asks what is configured, each by itself, and says what is wrong and the remedy; SIMULATED and the versions when it is good (I8). */
export async function checkHealth(instance: Instance, signal: AbortSignal): Promise<Health> {
  const parts: Part[] = await Promise.all([
    ...(instance.control === undefined ? [] : [part("Control API", () => lookAtControl(instance, signal))]),
    ...(instance.cql === undefined ? [] : [part("Cassandra", () => lookAtCassandra(instance, signal))]),
  ]);
  const ok = parts.every((part) => part.ok);
  const simulated = parts.some(({ details }) => details.simulated === true);
  const texts = parts.map(({ name, text }) => `${name}: ${text}`);
  return {
    ok,
    message: `${simulated ? "SIMULATED. " : ""}${texts.join(". ")}`,
    details: {
      simulated,
      parts: Object.fromEntries(parts.map(({ name, ok, text, details }) => [name, { ok, text, ...details }])),
    },
  };
}

async function part(name: string, look: () => Promise<Omit<Part, "name" | "ok">>): Promise<Part> {
  try {
    return { name, ok: true, ...await look() };
  } catch (error) {
    return {
      name,
      ok: false,
      text: problemOf(error).message,
      details: { code: error instanceof CandlewireError ? error.code : "plugin.failed" },
    };
  }
}

async function lookAtControl({ control }: Instance, signal: AbortSignal): Promise<Omit<Part, "name" | "ok">> {
  const { origin, simulated, version, profile, ready, notReady } = await control!.get<Pipeline>(
    "pipeline",
    {},
    signal,
  );
  const state = ready ? "ready" : `not ready, ${notReady?.[0] ?? "it does not say why"}`;
  return {
    text: `Candlewire ${version}, profile ${profile}, ${state}, ${origin.label}`,
    details: { version, profile, ready, origin, simulated },
  };
}

async function lookAtCassandra(instance: Instance, signal: AbortSignal): Promise<Omit<Part, "name" | "ok">> {
  const cql = instance.cql!;
  const { login } = instance.settings.cassandra!;
  let found;
  try {
    found = await cql.look();
  } catch (error) {
    throw explained(error, login.localDataCenter, login.username);
  }
  const { version, dataCenters, tables } = found;
  if (tables.length === 0) {
    throw new CandlewireError(
      "query.schema_missing",
      `Check Cassandra ${version}: keyspace ${cql.keyspace} is not there or has no tables`,
      {
        hint: "Name the market's keyspace, or start the host, which makes it; the role needs SELECT on it",
      },
    );
  }
  const missing = TABLES.filter((name) => !tables.includes(name));
  if (missing.length > 0) {
    throw new CandlewireError(
      "query.schema_missing",
      `Check keyspace ${cql.keyspace}: it has no table ${missing.join(", ")}`,
      {
        hint: "Start the host of this version, which migrates the keyspace, or name the market's keyspace",
      },
    );
  }
  const origin = await instance.cassandra!.origin();
  signal.throwIfAborted();
  return {
    text: `Cassandra ${version}, keyspace ${cql.keyspace}, data center ${
      dataCenters.join(", ")
    }, ${origin.label}`,
    details: {
      version,
      keyspace: cql.keyspace,
      dataCenters,
      tables: tables.length,
      origin,
      simulated: origin.kind !== "live",
    },
  };
}

/** The driver's words with the remedy that the data source's settings offer. */
function explained(error: unknown, dataCenter: string, username: string | null): unknown {
  if (!(error instanceof CandlewireError)) return error;
  const { code, message, retry } = error;
  const causes = [message, String((error.cause as Error | undefined)?.message ?? "")].join(" ");
  const hint = /data ?center/i.test(causes)
    ? `No node is in data center "${dataCenter}": give the one that nodetool status shows as local data center`
    : code === "query.unauthorized"
    ? username === null
      ? "Cassandra wants a login: give user and password"
      : `Cassandra refuses user "${username}": check user and password, and that the role may log in and SELECT`
    : code === "query.unavailable" && !/certificate/i.test(causes)
    ? "Check contact points and port as seen from Grafana's machine, that a node is up, and whether it wants TLS"
    : error.hint;
  return new CandlewireError(code, message, { retry, hint, cause: error });
}
