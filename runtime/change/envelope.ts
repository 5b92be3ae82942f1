/**
 * Debezium's change event, JSON without a schema wrapper (`schemas.enable=false`), as its PostgreSQL connector
 * 3.x writes it. Names are verbatim. Source: debezium-connector-common `io/debezium/data/Envelope.java` and
 * debezium-connector-postgres `SourceInfo.java`.
 */
export type Envelope<Row = Record<string, unknown>> = {
  before: Row | null;
  after: Row | null;
  source: EnvelopeSource;
  transaction: { id: string; total_order: number; data_collection_order: number } | null;
  op: Operation;
  /** When the connector handled the event. */
  ts_ms?: number;
  ts_us?: number;
  ts_ns?: number;
};

/** `c` create, `u` update, `d` delete, `r` read (snapshot), `t` truncate, `m` logical message. */
export type Operation = "c" | "u" | "d" | "r" | "t" | "m";

/** Where in the database a change was made. `ts_ms` is the commit's time. */
export type EnvelopeSource = {
  version: string;
  connector: string;
  name: string;
  ts_ms: number;
  snapshot:
    | "true"
    | "first"
    | "first_in_data_collection"
    | "last_in_data_collection"
    | "last"
    | "false"
    | "incremental";
  db: string;
  /** JSON text: `["<last commit lsn>","<lsn>"]`, decimal. */
  sequence: string | null;
  ts_us: number;
  ts_ns: number;
  schema: string;
  table: string;
  txId: number | null;
  /** Decimal, as Debezium writes it. */
  lsn: number | null;
  xmin: number | null;
};

/** The topic of a table of ours. */
export function topicOf(table: string): string {
  return `binance.public.${table}`;
}

/** The table a topic carries; undefined for a topic that is not ours. */
export function tableOf(topic: string): string | undefined {
  return topic.startsWith("binance.public.") ? topic.slice("binance.public.".length) : undefined;
}
