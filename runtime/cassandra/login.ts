import type { TableName } from "../market/table.ts";

/** Consistency levels by Cassandra's names. */
export const CONSISTENCIES = [
  "ONE",
  "TWO",
  "THREE",
  "QUORUM",
  "ALL",
  "LOCAL_QUORUM",
  "EACH_QUORUM",
  "LOCAL_ONE",
] as const;
export type Consistency = typeof CONSISTENCIES[number];

/** Where Cassandra is and how it is used, as a module is given it: everything but the secrets. */
export type CassandraLogin = {
  /** Hosts of some nodes; the others are learned from them. */
  contactPoints: string[];
  port: number;
  localDataCenter: string;
  keyspace: string;
  /** PEM texts (not paths: a module reads no files); null for plain connections. */
  tls: { ca: string | null; certificate: string | null; serverName: string | null } | null;
  /** Null: no authentication. */
  username: string | null;
  consistency: { write: Consistency; read: Consistency; tables: Partial<Record<TableName, Consistency>> };
  connectTimeoutMs: number;
  requestTimeoutMs: number;
};

/** The secrets that go with a {@linkcode CassandraLogin}; they arrive in a module's start message only (I6). */
export type CassandraSecrets = {
  cassandraPassword?: string;
  /** PEM text of the private key of `tls.certificate`. */
  cassandraKey?: string;
};
