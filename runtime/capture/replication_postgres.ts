import { Buffer } from "node:buffer";
import pg from "pg";
import type { Lsn } from "../change/lsn.ts";
import { CandlewireError, errorText } from "../error.ts";
import { endClient } from "../end_postgres_client.ts";
import { POSTGRES_EPOCH_US } from "./pgoutput.ts";

/** How to reach PostgreSQL. */
export type PostgresLogin = { host: string; port: number; database: string; user: string; password: string };

/** A slot as it was just created: the stream begins at `lsn`, where the exported snapshot ends. */
export type CreatedSlot = { lsn: string; snapshotName: string };

/** What the replication stream is started with. `onFrame` must not keep the bytes: the driver reuses them. */
export type StreamOptions = {
  slot: string;
  publication: string;
  onFrame: (frame: Uint8Array) => void;
};

/**
 * Settings under which PostgreSQL writes values as text; the snapshot's connection and the stream's share them, so that
 * both yield the same text for the same value.
 */
export const SESSION_OPTIONS =
  "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=1 -c bytea_output=hex -c lc_monetary=C";

/** Each status asks for an answer: after so many without one, the server or the network is gone. */
const SILENT_INTERVALS = 6;

/** The parts of the driver's connection that its types leave out. */
type RawConnection = {
  stream: { pause(): void; resume(): void; destroy(): void; writableLength: number };
  on(event: "copyData", listener: (message: { chunk: Buffer }) => void): void;
  /** CopyBothResponse: the server accepted the command and the stream is open. */
  once(event: "replicationStart", listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
};

/**
 * A replication connection (walsender): slot commands, then the stream. Nothing is acknowledged but what the caller
 * passes to `acknowledge`; it is repeated on request and on an interval, so that PostgreSQL knows we live.
 */
export class ReplicationConnection implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #closed = Promise.withResolvers<void>();
  #acknowledged: Lsn = 0n;
  #timer: ReturnType<typeof setInterval> | undefined;
  #streaming: Promise<unknown> | undefined;
  #ended = false;
  #paused = false;
  /** When the server said something last, on performance's clock. */
  #heardAt = 0;

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on("error", (error) => this.#closed.reject(error));
    client.on("end", () => this.#closed.reject(new Error("The server closed the connection")));
    this.#closed.promise.catch(() => {});
  }

  static async connect(login: PostgresLogin): Promise<ReplicationConnection> {
    const config = {
      ...login,
      replication: "database",
      options: SESSION_OPTIONS,
      application_name: "candlewire-capture",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    };
    const client = new pg.Client(config as pg.ClientConfig);
    const connection = new ReplicationConnection(client);
    try {
      await client.connect();
    } catch (error) {
      throw postgresError(error, `Connect to PostgreSQL at ${login.host}:${login.port}`);
    }
    return connection;
  }

  /** Rejects when the connection breaks or the stream ends; never resolves. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The cluster's identifier: LSNs mean something within it alone. */
  async systemId(): Promise<string> {
    const { rows } = await this.#client.query("IDENTIFY_SYSTEM");
    return String(rows[0].systemid);
  }

  /** Creates the slot. The snapshot lives until this connection's next command. */
  async createSlot(name: string): Promise<CreatedSlot> {
    const sql = `CREATE_REPLICATION_SLOT ${pg.escapeIdentifier(name)} LOGICAL pgoutput (SNAPSHOT 'export')`;
    try {
      const { rows } = await this.#client.query(sql);
      return { lsn: rows[0].consistent_point, snapshotName: rows[0].snapshot_name };
    } catch (error) {
      throw postgresError(error, `Create the replication slot "${name}"`);
    }
  }

  /**
   * Rejects with `capture.slot_in_use` (retry) while another reads it: a server that waits for that would drop the slot
   * whenever the other pauses, even after we are gone.
   */
  async dropSlot(name: string): Promise<void> {
    try {
      await this.#client.query(`DROP_REPLICATION_SLOT ${pg.escapeIdentifier(name)}`);
    } catch (error) {
      throw postgresError(error, `Drop the replication slot "${name}"`);
    }
  }

  /** Starts the stream at the slot's own position. Resolves once it is open; failures reject here or `closed`. */
  async start(options: StreamOptions, statusIntervalMs: number): Promise<void> {
    const raw = this.#raw();
    const started = Promise.withResolvers<void>();
    raw.once("replicationStart", () => started.resolve());
    raw.on("copyData", ({ chunk }) => {
      this.#heardAt = performance.now();
      options.onFrame(chunk);
    });
    const publication = `"${options.publication.replaceAll('"', '""')}"`;
    this.#streaming = this.#client.query(
      `START_REPLICATION SLOT ${pg.escapeIdentifier(options.slot)} LOGICAL 0/0 ` +
        `(proto_version '1', publication_names ${pg.escapeLiteral(publication)})`,
    ).then(
      () => {
        const error = new Error("The server ended the stream");
        started.reject(error);
        this.#closed.reject(error);
      },
      (error) => {
        const failure = postgresError(error, `Read the replication slot "${options.slot}"`);
        started.reject(failure);
        this.#closed.reject(failure);
      },
    );
    await Promise.race([started.promise, this.#closed.promise]);
    this.#heardAt = performance.now();
    this.#timer = setInterval(() => {
      const silentMs = performance.now() - this.#heardAt;
      // A paused stream hears nothing because it does not listen.
      if (!this.#paused && silentMs > SILENT_INTERVALS * statusIntervalMs) {
        this.#closed.reject(new Error(`The server has said nothing for ${Math.round(silentMs / 1000)} s`));
      } else this.#sendStatus(true);
    }, statusIntervalMs);
  }

  /** I1: call it with what is durable, nothing else. */
  acknowledge(lsn: Lsn): void {
    if (lsn > this.#acknowledged) this.#acknowledged = lsn;
    this.#sendStatus();
  }

  /** Stops reading from the socket: PostgreSQL then holds the WAL back. */
  pause(): void {
    this.#paused = true;
    this.#raw().stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#heardAt = performance.now();
    this.#raw().stream.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    if (this.#ended) return;
    this.#ended = true;
    const { stream } = this.#raw();
    // A paused socket would never see the server's end of the connection.
    stream.resume();
    await endClient(this.#client, this.#streaming === undefined ? 2000 : 500);
    await this.#streaming;
  }

  /** Standby status update: written, flushed and applied, all the same. `reply` asks for a keepalive at once. */
  #sendStatus(reply = false): void {
    if (this.#ended || this.#streaming === undefined) return;
    const message = Buffer.alloc(34);
    message.writeUInt8(0x72, 0);
    for (const at of [1, 9, 17]) message.writeBigUInt64BE(this.#acknowledged, at);
    message.writeBigInt64BE(BigInt(Date.now() * 1000 - POSTGRES_EPOCH_US), 25);
    message.writeUInt8(reply ? 1 : 0, 33);
    this.#raw().sendCopyFromChunk(message);
  }

  #raw(): RawConnection {
    return (this.#client as unknown as { connection: RawConnection }).connection;
  }
}

/** A driver's error as one of ours: with the remedy where PostgreSQL's code tells it. */
export function postgresError(error: unknown, action: string): CandlewireError {
  if (error instanceof CandlewireError) return error;
  const code = String((error as { code?: unknown }).code ?? "");
  const text = `${action}: ${errorText(error)}`;
  const make = (name: string, retry: "retry" | "operator", hint: string) =>
    new CandlewireError(`capture.${name}`, text, { retry, hint, cause: error, details: { sqlstate: code } });
  switch (code) {
    case "28P01":
    case "28000":
      return make(
        "access_denied",
        "operator",
        "Check the capture login's name and password, and pg_hba.conf",
      );
    case "3D000":
      return make(
        "database_missing",
        "operator",
        "Create the database, or name another in the configuration",
      );
    case "42501":
      return make(
        "not_permitted",
        "operator",
        "Grant the capture login REPLICATION and SELECT on the published tables",
      );
    case "42704":
      return make(
        "missing",
        "operator",
        "Run the migrations: they make the publication; the slot is made at the next start",
      );
    case "53400":
      return make(
        "too_many_slots",
        "operator",
        "Raise max_replication_slots, or drop a slot that nobody reads",
      );
    case "53300":
      return make("too_many_connections", "retry", "Raise max_connections or max_wal_senders");
    case "55000":
      return make(
        "slot_unusable",
        "retry",
        `Set wal_level to "logical"; a slot that was invalidated is made anew`,
      );
    case "55006":
      return make("slot_in_use", "retry", "Stop the other reader of this slot; one capture reads a slot");
    default:
      return make("postgres_unreachable", "retry", "Start PostgreSQL, or check host and port");
  }
}
