import template from "../../connectors/debezium-postgres.json" with { type: "json" };
import type { CaptureConfig } from "../capture/config.ts";
import { CandlewireError } from "../error.ts";
import type { ConnectConfig } from "./config.ts";

/** Debezium's properties by name, as Connect's REST takes them. */
export type ConnectorSettings = Record<string, string>;

/** A captured table and its columns. Changes of a partition are its root's, so roots are named here. */
export type ConnectorTable = { schema: string; table: string; columns: readonly string[] };

/** What a connector's settings follow from. */
export type ConnectorSettingsInput = {
  capture: CaptureConfig;
  connect: ConnectConfig;
  /** PostgreSQL as this host sees it; `connect.database` says where the worker sees it elsewhere. */
  postgres: { host: string; port: number; database: string };
  /** The publication's tables. */
  tables: readonly ConnectorTable[];
};

/** The role that reads the slot, of Debezium as of our own capture. */
const CAPTURE_ROLE = "candlewire_capture";

/**
 * Properties of connectors/debezium-postgres.json that change how fast or how often something is done, and not what is
 * captured: `connect.settings` may set these, and any property that we do not set. Ours win everywhere else.
 */
const TUNABLE = new Set([
  "slot.max.retries",
  "slot.retry.delay.ms",
  "signal.poll.interval.ms",
  "incremental.snapshot.chunk.size",
  "heartbeat.interval.ms",
  "heartbeat.action.query",
  "status.update.interval.ms",
  "retriable.restart.connector.wait.ms",
  "poll.interval.ms",
  "max.batch.size",
  "max.queue.size",
  "max.queue.size.in.bytes",
  "producer.override.max.in.flight.requests.per.connection",
  "producer.override.linger.ms",
  "producer.override.batch.size",
  "producer.override.buffer.memory",
  "producer.override.delivery.timeout.ms",
  "producer.override.max.request.size",
  "producer.override.compression.type",
]);

/**
 * Properties that we leave at their default because another value would change the records or lose some. Transformations
 * and converters among them: records would no longer be those that the consumer and our own capture agree on.
 */
const LEFT_ALONE =
  /^(name|transforms|predicates|converters|post\.processors|column\.|datatype\.propagate|table\.(in|ex)clude|schema\.(in|ex)clude|topic\.(naming|delimiter)|message\.key|exactly\.once|snapshot\.select|replica\.identity|flush\.lsn|read\.only|sourceinfo|xmin|slot\.failover|errors\.(tolerance|max\.retries)|skip\.messages|.*partitioner)/;

/** A property whose value would be told by Connect's REST. */
const SECRET = /password|secret|credential|jaas|token|private\.?key|sslkey$/i;

/**
 * The settings of the Debezium connector: connectors/debezium-postgres.json, what the configuration's section `capture`
 * says, and `connect.settings` for what is left. Rejects with `connect.reserved_setting` or `connect.plain_secret`.
 */
export function connectorSettings(input: ConnectorSettingsInput): ConnectorSettings {
  const { capture, connect, postgres, tables } = input;
  const ours: ConnectorSettings = {
    ...template,
    "database.hostname": connect.database.host ?? postgres.host,
    "database.port": String(connect.database.port ?? postgres.port),
    "database.dbname": postgres.database,
    "database.user": CAPTURE_ROLE,
    // I6: the worker looks the password up; Connect's REST shows this reference only.
    "database.password": connect.passwordReference,
    "topic.prefix": capture.topicPrefix,
    "slot.name": capture.slot,
    "publication.name": capture.publication,
    // Without a list Debezium's snapshot reads every table it may, partitions beside their roots.
    "table.include.list": tables.map(patternOf).join(","),
    "signal.data.collection": capture.signalTable,
    "decimal.handling.mode": capture.decimalHandlingMode,
    "time.precision.mode": capture.timePrecisionMode,
    "interval.handling.mode": capture.intervalHandlingMode,
    "binary.handling.mode": capture.binaryHandlingMode,
    "hstore.handling.mode": capture.hstoreHandlingMode,
    "include.unknown.datatypes": String(capture.includeUnknownDatatypes),
    "unavailable.value.placeholder": capture.unavailableValuePlaceholder,
    // An empty list would be Debezium's default, which skips truncates.
    "skipped.operations": capture.skippedOperations.join(",") || "none",
    "snapshot.mode": capture.snapshotMode,
    "snapshot.fetch.size": String(capture.snapshotFetchSize),
  };
  const keys = keyColumnsOf(tables, capture.keyColumns);
  if (keys !== "") ours["message.key.columns"] = keys;
  for (const [name, value] of Object.entries(connect.settings)) {
    if (LEFT_ALONE.test(name) || (name in ours && !TUNABLE.has(name) && ours[name] !== value)) {
      throw new CandlewireError(
        "connect.reserved_setting",
        `Read connect.settings: "${name}" is ours to set${
          name in ours && name !== "database.password" ? `, to "${ours[name]}"` : ""
        }`,
        {
          retry: "operator",
          hint:
            `Remove it; what is captured and how is set in the configuration's section "capture". Free to set: ${
              [...TUNABLE].join(", ")
            }, and Debezium's other properties`,
          details: { property: name },
        },
      );
    }
    if (SECRET.test(name) && !/^\$\{[a-z]+:.+\}$/.test(value)) {
      throw new CandlewireError(
        "connect.plain_secret",
        `Read connect.settings: "${name}" holds a secret in plain text, which Connect's REST would show`,
        {
          retry: "operator",
          hint: "Use a configuration provider's reference such as ${file:/path:key}",
          details: { property: name },
        },
      );
    }
  }
  return { ...ours, ...connect.settings };
}

/** Debezium's filters are regular expressions over `schema.table`, matched as a whole. */
export function patternOf({ schema, table }: ConnectorTable): string {
  return `${schema}.${table}`.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Whether a table's records have the key columns for a key; others keep their primary key. */
export function hasKeyColumns({ columns }: ConnectorTable, keyColumns: readonly string[]): boolean {
  return keyColumns.length > 0 && keyColumns.every((column) => columns.includes(column));
}

/** `message.key.columns`: the key columns of the tables that have all of them. */
function keyColumnsOf(tables: readonly ConnectorTable[], keyColumns: readonly string[]): string {
  return tables.filter((table) => hasKeyColumns(table, keyColumns))
    .map((table) => `${patternOf(table)}:${keyColumns.join(",")}`).join(";");
}
