import { parseLsn } from "../change/lsn.ts";
import { adviceText, CandlewireError, errorText } from "../error.ts";
import type { ModuleContext } from "../host/module_context.ts";
import { wallClock } from "../market/epoch.ts";
import { Catalog } from "./catalog_postgres.ts";
import { untilAborted, wait } from "../wait.ts";
import { ChangePump } from "./change_pump.ts";
import type { CaptureConfig } from "./config.ts";
import { EnvelopeWriter, type SnapshotMark } from "./envelope_writer.ts";
import { type PostgresLogin, ReplicationConnection } from "./replication_postgres.ts";
import type { CapturePosition, ChangeSink, SinkRecord } from "./sink/change_sink.ts";
import { readSnapshot } from "./snapshot_postgres.ts";
import { type StartDecision, startDecision } from "./start_decision.ts";

/** `source.version` of the envelopes. */
const VERSION = "candlewire-1";

/** What capture runs with. */
export type CaptureOptions = {
  login: PostgresLogin;
  config: CaptureConfig;
  sink: ChangeSink;
  /** Hears of each durable append. */
  onAppend: () => void;
};

/** A range of changes that was never captured; a new snapshot has replaced it by the tables' state. */
export type Resnapshot = { at: number; reason: string; detail: string; fromLsn: string; toLsn: string };

/**
 * Reads the slot into the sink until the context's signal aborts: first the snapshot, then the stream, again from the
 * sink's position after every failure. A failure that needs an operator is shown as `blocked` and tried again, since
 * it may be mended while we run.
 */
export class Capture {
  readonly #context: ModuleContext;
  readonly #options: CaptureOptions;
  /** Ranges that were lost with the slot, newest last. */
  readonly resnapshots: Resnapshot[] = [];

  constructor(context: ModuleContext, options: CaptureOptions) {
    this.#context = context;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#context;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#session(() => failures = 0);
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof CandlewireError && error.retry === "never") throw error;
        failures++;
        this.#report(error);
        // Jitter keeps several captures from knocking at once.
        await wait(Math.min(10_000, 100 * 2 ** Math.min(failures, 8)) * (0.5 + Math.random() / 2), signal);
      }
    }
  }

  /** One life of the connection. `onStreaming`: it works, so that the next failure is the first again. */
  async #session(onStreaming: () => void): Promise<void> {
    const { login, config, sink } = this.#options;
    const { signal } = this.#context;
    await using catalog = await Catalog.connect(login);
    await catalog.check(config.publication);
    await using connection = await ReplicationConnection.connect(login);
    const systemId = await connection.systemId();
    const slot = await catalog.slot(config.slot);
    if (slot !== undefined && slot.plugin !== "pgoutput") {
      throw new CandlewireError(
        "capture.slot_foreign",
        `Read the slot "${config.slot}": its plugin is ${slot.plugin}`,
        {
          retry: "operator",
          hint: "Drop the slot, or name another one in the configuration",
        },
      );
    }
    if (slot !== undefined && slot.database !== login.database) {
      throw new CandlewireError(
        "capture.slot_foreign",
        `Read the slot "${config.slot}": it belongs to database ${slot.database}`,
        {
          retry: "operator",
          hint: "Name another slot in the configuration: slots are the cluster's, not the database's",
        },
      );
    }
    const known = await sink.position();
    const decision = startDecision(known, slot, systemId);
    const writer = new EnvelopeWriter({
      topicPrefix: config.topicPrefix,
      database: login.database,
      version: VERSION,
      keyColumns: config.keyColumns,
      modes: config,
      skippedOperations: config.skippedOperations,
      leftOut: config.signalTable,
    });
    const position = decision.kind === "resume"
      ? known!
      : await this.#snapshot(decision, known, systemId, catalog, connection, writer);

    const pump = new ChangePump({
      stream: connection,
      sink,
      writer,
      position,
      learn: async (relation) => {
        const table = await catalog.describe(relation);
        this.#warnOfOmitted(table.table, writer.table(table));
      },
      maxPendingChars: config.maxPendingChars,
      onAppend: (counts, commits) => this.#appended(counts, commits),
      onBlocked: (error) => {
        if (error !== null) this.#context.health(stateOf(error), adviceText(error));
        else this.#context.health("running", "The sink accepts records again");
      },
      onLag: (bytes) => this.#context.metrics.gauge("candlewire_capture_lag_bytes", Math.max(0, bytes)),
      signal,
    });
    const stream = { slot: config.slot, publication: config.publication };
    await this.#unlessStopped(connection.start(
      { ...stream, onFrame: (frame) => pump.frame(frame) },
      config.statusIntervalMs,
    ));
    onStreaming();
    this.#context.health("running", `Streaming from slot ${config.slot}`);
    try {
      await Promise.race([untilAborted(signal), pump.failed, connection.closed, catalog.closed]);
    } finally {
      // What was received is made durable also when the connection broke: it need not be sent again.
      await pump.drain().catch((error) => this.#context.log("warn", `Drain: ${errorText(error)}`));
    }
  }

  /** What PostgreSQL may take its time for; a stop does not wait for it: the connection ends with the session. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#context;
    work.catch(() => {});
    const done = await Promise.race([work.then((value) => ({ value })), untilAborted(signal)]);
    if (done === undefined) throw signal.reason;
    return done.value;
  }

  /** Makes the slot where there is none, reads the tables, and returns the position that the stream goes on from. */
  async #snapshot(
    decision: Exclude<StartDecision, { kind: "resume" }>,
    known: CapturePosition | undefined,
    systemId: string,
    catalog: Catalog,
    connection: ReplicationConnection,
    writer: EnvelopeWriter,
  ): Promise<CapturePosition> {
    const { config, sink } = this.#options;
    const { log, health, signal } = this.#context;
    let position: CapturePosition;
    let snapshotName: string | null = null;
    if (decision.kind === "restart_snapshot") {
      position = known!;
      log("warn", "The initial snapshot was interrupted; it begins again", { slot: config.slot });
    } else {
      if (decision.kind === "resnapshot") this.#mayResnapshot(decision, known!);
      if (decision.dropSlot) {
        log("warn", `Dropping slot ${config.slot}: it does not continue this journal`, { slot: config.slot });
        await this.#unlessStopped(connection.dropSlot(config.slot));
      }
      health("starting", `Creating slot ${config.slot}: PostgreSQL waits for the transactions that are open`);
      const created = await this.#unlessStopped(connection.createSlot(config.slot));
      snapshotName = created.snapshotName;
      const snapshot = config.snapshotMode === "initial"
        ? { startedAt: wallClock(), slotLsn: created.lsn }
        : null;
      // `changes: 0`: a transaction that commits exactly there is not in the snapshot.
      position = { systemId, commitLsn: created.lsn, changes: 0, acknowledgedLsn: created.lsn, snapshot };
      if (decision.kind === "resnapshot") this.#recordResnapshot(decision, known!, created.lsn);
      await sink.append([], position);
    }
    if (position.snapshot === null) return position;

    health("starting", "Reading the initial snapshot");
    const { startedAt } = position.snapshot;
    writer.begin({ commitTime: startedAt * 1000, xid: null, lastCommitLsn: null });
    const lsn = parseLsn(position.commitLsn)!;
    let rows = 0;
    const options = {
      publication: config.publication,
      leftOut: config.signalTable,
      snapshotName,
      fetchSize: config.snapshotFetchSize,
      chunkChars: Math.floor(config.maxPendingChars / 4),
      signal,
    };
    for await (const chunk of readSnapshot(catalog, options)) {
      if (!writer.knows(chunk.table.oid)) {
        this.#warnOfOmitted(chunk.table.table, writer.table(chunk.table));
      }
      let records: SinkRecord[] = [];
      let chars = 0;
      const now = Date.now() * 1000;
      for (const [index, row] of chunk.rows.entries()) {
        writer.read(chunk.table.oid, row, markOf(chunk, index), lsn, now, records);
        chars += records[records.length - 1]?.value?.length ?? 0;
        // An envelope is longer than its row: an append stays as small as the stream's are (I10).
        if (chars < config.maxPendingChars) continue;
        await this.#persist(records, position);
        records = [];
        chars = 0;
      }
      await this.#persist(records, position);
      rows += chunk.rows.length;
      this.#appended(new Map([[chunk.table.table, chunk.rows.length]]), []);
    }
    position = { ...position, snapshot: null };
    await this.#persist([], position);
    log("info", `The initial snapshot is complete: ${rows} rows`, { rows, lsn: position.commitLsn });
    return position;
  }

  /** Appends, waiting while the sink refuses. */
  async #persist(records: SinkRecord[], position: CapturePosition): Promise<void> {
    const { signal, health } = this.#context;
    for (let attempt = 0;; attempt++) {
      try {
        return await this.#options.sink.append(records, position);
      } catch (error) {
        if (!(error instanceof CandlewireError) || error.retry !== "retry" || signal.aborted) throw error;
        health(stateOf(error), adviceText(error));
        await wait(Math.min(5000, 100 * 2 ** attempt), signal);
      }
    }
  }

  #mayResnapshot(decision: Extract<StartDecision, { kind: "resnapshot" }>, known: CapturePosition): void {
    if (this.#options.config.onSlotLost === "resnapshot") return;
    throw new CandlewireError(
      "capture.slot_lost",
      `Resume at ${known.commitLsn}: ${decision.detail}`,
      {
        retry: "operator",
        hint:
          `Set capture.onSlotLost to "resnapshot": the tables are read again; changes in between are lost`,
        details: { reason: decision.reason, from: known.acknowledgedLsn },
      },
    );
  }

  #recordResnapshot(
    decision: Extract<StartDecision, { kind: "resnapshot" }>,
    known: CapturePosition,
    toLsn: string,
  ): void {
    const { reason, detail } = decision;
    const range = { at: wallClock(), reason, detail, fromLsn: known.acknowledgedLsn, toLsn };
    this.resnapshots.push(range);
    if (this.resnapshots.length > 100) this.resnapshots.shift();
    this.#context.metrics.count("candlewire_resnapshots_total", 1, { reason });
    this.#context.log("error", `The slot was lost (${detail}): the tables are read again`, range);
    this.#context.publish("capture", { kind: "resnapshot", ...range });
  }

  #appended(counts: Map<string, number>, commits: readonly number[]): void {
    const { metrics } = this.#context;
    for (const [table, count] of counts) {
      metrics.count("candlewire_captured_changes_total", count, { table });
    }
    const now = Date.now();
    for (const commit of commits) {
      metrics.observe("candlewire_capture_latency_seconds", Math.max(0, now - commit) / 1000);
    }
    this.#options.onAppend();
  }

  #warnOfOmitted(table: string, omitted: string[]): void {
    if (omitted.length === 0) return;
    this.#context.log("warn", `Columns of ${table} are left out: ${omitted.join(", ")}`, { table, omitted });
  }

  #report(error: unknown): void {
    const known = error instanceof CandlewireError ? error : undefined;
    const code = known?.code ?? "capture.connection_lost";
    const text = errorText(error);
    this.#context.metrics.count("candlewire_capture_errors_total", 1, { code });
    this.#context.health(
      known?.retry === "operator" || known?.details.state === "blocked" ? "blocked" : "degraded",
      adviceText({ message: text, hint: known?.hint }),
    );
    this.#context.log(known?.retry === "operator" ? "error" : "warn", text, { code, hint: known?.hint });
  }
}

/** What a sink that refuses for now makes of us: `blocked` unless it says that it mends itself. */
function stateOf(error: CandlewireError): "blocked" | "degraded" {
  return error.details.state === "degraded" ? "degraded" : "blocked";
}

function markOf(
  chunk: { first: boolean; firstOfTable: boolean; lastOfTable: boolean; last: boolean; rows: unknown[] },
  index: number,
): SnapshotMark {
  const lastRow = index === chunk.rows.length - 1;
  if (lastRow && chunk.last) return "last";
  if (index === 0 && chunk.first) return "first";
  if (lastRow && chunk.lastOfTable) return "last_in_data_collection";
  return index === 0 && chunk.firstOfTable ? "first_in_data_collection" : "true";
}
