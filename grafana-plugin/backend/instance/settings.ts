import {
  type CassandraLogin,
  type CassandraSecrets,
  CONSISTENCIES,
  type Consistency,
} from "../../../runtime/cassandra/login.ts";
import { CandlewireError } from "../../../runtime/error.ts";
import type { PluginContext } from "../protocol/backend.ts";
import {
  type MarketDataSourceOptions,
  type MarketDataSourceSecrets,
  MOST_SETTINGS,
} from "../../src/datasource/query.ts";

/** A data source's settings, complete and checked. */
export type Settings = {
  uid: string;
  /** Without a slash at its end; undefined: no control API. */
  controlUrl: string | undefined;
  viewerToken: string;
  /** Undefined: no Cassandra. */
  cassandra: { login: CassandraLogin; secrets: CassandraSecrets } | undefined;
  /** Longest time of a query, ms. */
  timeoutMs: number;
  /** Rows of a query at most. */
  maxRows: number;
};

const KEYSPACE = /^[a-zA-Z][a-zA-Z0-9_]{0,47}$/;
const DEFAULTS = {
  timeoutMs: 20_000,
  maxRows: 100_000,
  keyspace: "binance_keyspace",
  localDataCenter: "datacenter1",
};
/** Rows that the process has room for (the heap's limit is in build.ts): of one query, and of all large ones at the same time. */
export const MOST_ROWS = MOST_SETTINGS.maxRows;

/**
 * The settings that Grafana sends with every call. Throws `plugin.bad_settings` with the remedy for what cannot work; that a
 * server is away is found by asking it, not here.
 */
export function settingsOf(context: PluginContext): Settings {
  const source = context.dataSourceInstanceSettings;
  if (source === undefined) throw bad("The request names no data source", "Save the data source's settings");
  const options = jsonOf(source.jsonData);
  const secrets: MarketDataSourceSecrets = source.decryptedSecureJsonData;
  const settings: Settings = {
    uid: source.uid,
    controlUrl: controlUrl(options.controlUrl),
    viewerToken: (secrets.viewerToken ?? "").trim(),
    cassandra: cassandraOf(options, secrets),
    timeoutMs: whole("timeoutMs", options.timeoutMs),
    maxRows: whole("maxRows", options.maxRows),
  };
  if (settings.controlUrl === undefined && settings.cassandra === undefined) {
    throw bad(
      "The data source has neither a control API nor contact points",
      "Give the control API's address, Cassandra's contact points, or both",
    );
  }
  return settings;
}

function jsonOf(bytes: Uint8Array): MarketDataSourceOptions {
  if (bytes.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // Reported below.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad("jsonData is no JSON object", "Save the data source's settings again");
  }
  return value;
}

function controlUrl(text: unknown): string | undefined {
  const trimmed = settingText("controlUrl", text);
  if (trimmed === "") return undefined;
  let url: URL;
  try {
    url = new URL(trimmed);
  } catch {
    throw bad(`controlUrl is "${trimmed}"`, "Give an address such as http://runtime:8787");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw bad(`controlUrl is "${trimmed}"`, "Begin it with http:// or https://");
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

function cassandraOf(
  options: MarketDataSourceOptions,
  secrets: MarketDataSourceSecrets,
): Settings["cassandra"] {
  const contactPoints = settingText("contactPoints", options.contactPoints).split(",").map((point) =>
    point.trim()
  ).filter((point) => point !== "");
  if (contactPoints.length === 0) return undefined;
  const wrong = contactPoints.find((point) => /[\s/]/.test(point));
  if (wrong !== undefined) {
    throw bad(
      `contactPoints holds "${wrong}"`,
      "Give hosts as host or host:port, by commas, without a scheme",
    );
  }
  const keyspace = settingText("keyspace", options.keyspace) || DEFAULTS.keyspace;
  if (!KEYSPACE.test(keyspace) || isSystemKeyspace(keyspace)) {
    throw bad(`keyspace is "${keyspace}"`, "Name the market's keyspace, such as binance_keyspace");
  }
  const level = (settingText("consistency", options.consistency) || "LOCAL_QUORUM")
    .toUpperCase() as Consistency;
  if (!CONSISTENCIES.includes(level)) {
    throw bad(`consistency is "${options.consistency}"`, `Choose one of ${CONSISTENCIES.join(", ")}`);
  }
  const username = settingText("username", options.username);
  return {
    login: {
      contactPoints,
      port: 9042,
      localDataCenter: settingText("localDataCenter", options.localDataCenter) || DEFAULTS.localDataCenter,
      keyspace,
      tls: options.useTls !== true ? null : {
        ca: secrets.tlsCaCert || null,
        certificate: secrets.tlsClientCert || null,
        serverName: settingText("tlsServerName", options.tlsServerName) || null,
      },
      username: username === "" ? null : username,
      consistency: { write: level, read: level, tables: {} },
      connectTimeoutMs: 5_000,
      requestTimeoutMs: whole("timeoutMs", options.timeoutMs),
    },
    secrets: { cassandraPassword: secrets.password, cassandraKey: secrets.tlsClientKey },
  };
}

/** Keyspaces that belong to the servers. */
export function isSystemKeyspace(name: string): boolean {
  return /^system(_|$)/i.test(name);
}

function settingText(name: string, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw bad(`${name} is ${JSON.stringify(value)}`, "Give text");
  return value.trim();
}

function whole(name: "timeoutMs" | "maxRows", value: unknown): number {
  if (value === undefined || value === null || value === "") return DEFAULTS[name];
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw bad(`${name} is ${JSON.stringify(value)}`, "Give a whole number above 0");
  }
  return Math.min(number, MOST_SETTINGS[name]);
}

function bad(what: string, hint: string): CandlewireError {
  return new CandlewireError("plugin.bad_settings", `Read the data source's settings: ${what}`, {
    retry: "operator",
    hint,
  });
}
