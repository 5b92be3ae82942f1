import type { CaptureConfig } from "../capture/config.ts";
import { formatLsn } from "../change/lsn.ts";
import type { ProbeResult } from "../control/probe.ts";
import { CandlewireError, errorText } from "../error.ts";
import { type EpochMs, wallClock } from "../market/epoch.ts";
import type { PostgresEndpoint } from "../postgres/server.ts";
import { wait } from "../wait.ts";
import type { ConnectConfig } from "./config.ts";
import { type ConnectorStatus, ConnectRest } from "./connect_rest.ts";
import { connectorSettings } from "./connector_settings.ts";
import { type LostSlot, lostSlot } from "./lost_slot.ts";
import { RestartBudget } from "./restart_budget.ts";
import { skippedTables } from "./skipped_tables.ts";
import { ConnectorDatabase, type ConnectorSlot } from "./slot_postgres.ts";
import { traceCause } from "./task_trace.ts";

/** What a connector is kept with. */
export type ConnectorKeeperOptions = {
  connect: ConnectConfig;
  capture: CaptureConfig;
  /** PostgreSQL as its owner reaches it: the keeper looks at the slot and, when it is lost, drops it. */
  postgres: PostgresEndpoint;
  /** What the connector shall be at first; `stopped` leaves the slot to our own capture. Default `running`. */
  desired?: "running" | "stopped";
  report: (level: "info" | "warn" | "error", message: string) => void;
  /**
   * Hears of a lost slot before the tables are read again, and records the range. A rejection puts the remedy off: it is
   * called again. May be called twice for one range, when the host dies in between.
   */
  onResnapshot?: (range: ConnectorResnapshot) => Promise<void> | void;
};

/** A range of changes that was never captured; a new snapshot replaces it by the tables' state. */
export type ConnectorResnapshot = {
  at: EpochMs;
  reason: LostSlot["reason"];
  detail: string;
  /** Up to here the connector had stored; null when it had stored nothing. */
  fromLsn: string | null;
  toLsn: string;
};

/** A kept connector. The operations wait until Connect has done them; they and the keeper's own rounds exclude each other. */
export type ConnectorKeeper = AsyncDisposable & {
  /** What the last round found. Never rejects. */
  probe(): Promise<ProbeResult>;
  /** Ends the connector's tasks and waits until nobody reads the slot, so that our own capture may. */
  stop(): Promise<void>;
  /** Lets the connector rest; it keeps its task. */
  pause(): Promise<void>;
  /** Lets it run again, after `stop`, `pause` or `remove`. */
  resume(): Promise<void>;
  /** Removes the connector from Connect; its stored offset and the slot stay. */
  remove(): Promise<void>;
  /** Slots that were lost while this keeper ran, newest last. */
  readonly resnapshots: readonly ConnectorResnapshot[];
};

/** How long Connect may take to end a task, and PostgreSQL to notice, ms. */
const STEER_MS = 60_000;
/** How long a running task may not read the slot before that is worth a word, ms: it starts, or connects again. */
const IDLE_SLOT_MS = 15_000;
/** How long the slot's position may stand still although heartbeats should move it, ms. */
const STILL_MS = 15_000;
/** How long Connect may be away before it is more than a restart of the worker, ms. */
const AWAY_MS = 30_000;

/**
 * Keeps Debezium's connector registered and running: makes it, gives it new settings when Connect holds others, starts
 * failed tasks again within a budget, and takes a new snapshot when the slot was lost, if the configuration allows.
 * Disposing ends the watch alone: the connector goes on in Connect.
 *
 * Settings that are wrong in themselves reject at once with `connect.reserved_setting` or `connect.plain_secret`;
 * everything else is shown by `probe` and tried again. One keeper a connector: the caller holds a lease.
 */
export function keepConnector(options: ConnectorKeeperOptions): ConnectorKeeper {
  // Faults of the configuration shall end the start, not appear in a state.
  connectorSettings({ ...options, tables: [] });
  return new Keeper(options);
}

type Desired = "running" | "paused" | "stopped" | "removed";

class Keeper implements ConnectorKeeper {
  readonly #options: ConnectorKeeperOptions;
  readonly #name: string;
  readonly #rest: ConnectRest;
  readonly #database: ConnectorDatabase;
  readonly #budget: RestartBudget;
  readonly #stopping = new AbortController();
  readonly #watch: Promise<void>;
  readonly resnapshots: ConnectorResnapshot[] = [];
  #lostSlots = 0;
  /** The settings that the last round wanted, as JSON. */
  #wanted: string | undefined;
  /** Nobody read the slot in the last round. */
  #wasUnread = false;
  #desired: Desired;
  #queue: Promise<unknown> = Promise.resolve();
  #result: ProbeResult;
  /** When Connect answered last; undefined before the first time. */
  #answeredMs: number | undefined;
  /** Since when the task runs and nobody reads the slot. */
  #idleSinceMs: number | undefined;
  /** The slot's confirmed position, and since when it stands there. */
  #confirmed: { lsn: bigint | null; atMs: number } | undefined;
  /** How long it may stand there: heartbeats move it. */
  readonly #patienceMs: number;

  constructor(options: ConnectorKeeperOptions) {
    const { connect } = options;
    this.#options = options;
    this.#name = connect.connector;
    this.#desired = options.desired ?? "running";
    this.#rest = new ConnectRest(connect.url, {
      timeoutMs: connect.requestTimeoutMs,
      signal: this.#stopping.signal,
    });
    this.#database = new ConnectorDatabase(options.postgres);
    this.#budget = new RestartBudget(connect.restartBudget, connect.restartWindowMs);
    this.#result = { state: "starting", detail: `Waiting for Kafka Connect at ${connect.url}` };
    const heartbeatMs = Number(connectorSettings({ ...options, tables: [] })["heartbeat.interval.ms"]);
    this.#patienceMs = heartbeatMs > 0 ? Math.max(STILL_MS, 6 * heartbeatMs) : Infinity;
    this.#watch = this.#run();
  }

  async probe(): Promise<ProbeResult> {
    return this.#result;
  }

  async stop(): Promise<void> {
    await this.#steer("stopped", async () => {
      await this.#halt();
      this.#show("stopped", "Stopped; the slot is free");
    });
  }

  async pause(): Promise<void> {
    await this.#steer("paused", async () => {
      await this.#rest.steer(this.#name, "pause");
      await this.#until(
        "Pause the connector",
        (status) => status === undefined || status.tasks.every(({ state }) => state === "PAUSED"),
      );
      this.#show("stopped", "Paused");
    });
  }

  async resume(): Promise<void> {
    await this.#steer("running", () => this.#round());
  }

  async remove(): Promise<void> {
    await this.#steer("removed", async () => {
      await this.#halt();
      await this.#rest.remove(this.#name);
      this.#show("stopped", "Removed from Kafka Connect");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#watch;
    await this.#queue;
    await this.#database[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#alone(() => this.#round()).catch((error) => this.#failed(error));
      await wait(this.#options.connect.checkMs, signal);
    }
  }

  /** One after the other: a round never meets an operation half done. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  async #steer(desired: Desired, work: () => Promise<void>): Promise<void> {
    this.#desired = desired;
    await this.#alone(work);
  }

  async #round(): Promise<void> {
    const held = await this.#rest.settings(this.#name);
    this.#answeredMs = performance.now();
    if (this.#stopping.signal.aborted) return;
    if (this.#desired === "removed") return;
    if (this.#desired !== "running") return await this.#keepStill(held !== undefined);

    const { capture } = this.#options;
    const slot = await this.#database.slot(capture.slot);
    let status = held === undefined ? undefined : await this.#rest.status(this.#name);
    const still = status !== undefined && status.tasks.every(({ state }) => state === "FAILED");
    // Also the round after: a task that is back has stored nothing yet, perhaps.
    const unread = slot !== undefined && (!slot.active || this.#wasUnread);
    this.#wasUnread = slot !== undefined && !slot.active;
    if (held !== undefined && (slot === undefined || slot.lost !== null || still || unread)) {
      const offset = await this.#rest.offset(this.#name);
      // The slot was looked at first, and what it confirms was stored before: comparable although the task works.
      const lost = lostSlot(offset, slot, still || (unread && offset?.snapshot === false));
      if (lost !== undefined) return await this.#resnapshot(lost, offset?.lsn ?? null);
    }
    if (await this.#settle(held)) status = await this.#rest.status(this.#name);
    if (status === undefined) return this.#show("starting", "Registered; no worker has taken it yet");
    const { state } = status.connector;
    if (state === "STOPPED" || state === "PAUSED") {
      await this.#rest.steer(this.#name, "resume");
      this.#options.report("info", `Connector ${this.#name} was ${state.toLowerCase()}: resumed`);
      return this.#show("starting", "Resumed", status, slot);
    }
    const failure = failureOf(status);
    if (failure !== undefined) return await this.#restart(failure, status, slot);
    await this.#running(status, slot);
  }

  /** Makes the connector or gives it our settings, where Connect holds none or others. Answers whether it did. */
  async #settle(held: Record<string, string> | undefined): Promise<boolean> {
    const { capture, connect, postgres, report } = this.#options;
    const tables = await this.#database.tables(capture.publication);
    const wanted = connectorSettings({ capture, connect, postgres, tables });
    const before = this.#wanted;
    this.#wanted = JSON.stringify(wanted);
    if (held === undefined) {
      await this.#rest.put(this.#name, wanted);
      report(
        "info",
        `Connector ${this.#name} registered in Kafka Connect, tables: ${wanted["table.include.list"]}`,
      );
      return true;
    }
    const changed = [...new Set([...Object.keys(held), ...Object.keys(wanted)])]
      .filter((property) => property !== "name" && held[property] !== wanted[property]);
    if (changed.length === 0) return false;
    // Ours changed, or we cannot tell: only what a stranger set while we watched is known to have been in force.
    const strange = before === this.#wanted;
    const skipped = strange
      ? skippedTables(held, wanted, tables).filter((table) => table !== capture.signalTable)
      : [];
    if (skipped.length > 0 && capture.onSlotLost === "resnapshot") {
      // Without its slot the stored offset says that the tables are to be read, whatever step the host dies at.
      await this.#halt();
      await this.#drop();
    }
    await this.#rest.put(this.#name, wanted);
    report("info", `Connector ${this.#name} has new settings: ${changed.sort().join(", ")}`);
    if (skipped.length > 0) {
      const detail = `other settings (${changed.join(", ")}) passed over changes of ${skipped.join(", ")}`;
      // Not by an incremental snapshot: it takes rows of one key, which is the symbol, for one row (3.6.3).
      await this.#resnapshot({ reason: "passed_over", detail }, null);
    }
    return true;
  }

  async #keepStill(there: boolean): Promise<void> {
    const wanted = this.#desired === "paused" ? "PAUSED" : "STOPPED";
    const status = there ? await this.#rest.status(this.#name) : undefined;
    // Somebody resumed it by Connect's own REST.
    if (status !== undefined && status.connector.state !== wanted) {
      await this.#rest.steer(this.#name, wanted === "PAUSED" ? "pause" : "stop");
    }
    this.#show("stopped", wanted === "PAUSED" ? "Paused" : "Stopped; the slot is free", status);
  }

  async #restart(failure: Failure, status: ConnectorStatus, slot: ConnectorSlot | undefined): Promise<void> {
    const { connect, report } = this.#options;
    const now = performance.now();
    const decision = this.#budget.decide(now);
    const used = `${this.#budget.recent(now)} of ${connect.restartBudget} restarts in ${
      connect.restartWindowMs / 1000
    } s`;
    switch (decision.kind) {
      case "wait":
        return this.#show("degraded", `${failure.what} failed: ${failure.cause} (${used})`, status, slot);
      case "spent":
        return this.#show(
          "failed",
          `${failure.what} failed: ${failure.cause} (${used}, all that are allowed)`,
          status,
          slot,
        );
      case "restart":
        this.#budget.restarted(now);
        report(
          "warn",
          `${failure.what} of connector ${this.#name} failed and is started again: ${failure.cause}`,
        );
        await this.#rest.restartFailed(this.#name);
        return this.#show(
          "degraded",
          `${failure.what} failed and is started again: ${failure.cause}`,
          status,
          slot,
        );
      default: {
        const impossible: never = decision;
        return impossible;
      }
    }
  }

  async #running(status: ConnectorStatus, slot: ConnectorSlot | undefined): Promise<void> {
    const running = status.connector.state === "RUNNING" && status.tasks.length > 0 &&
      status.tasks.every(({ state }) => state === "RUNNING");
    if (!running) {
      const states = [status.connector.state, ...status.tasks.map(({ state }) => state)];
      return this.#show(
        "starting",
        `Kafka Connect starts it: ${states.join(", ").toLowerCase()}`,
        status,
        slot,
      );
    }
    const reading = `Debezium in Kafka Connect, slot ${this.#options.capture.slot}`;
    const now = performance.now();
    this.#idleSinceMs = slot?.active ? undefined : this.#idleSinceMs ?? now;
    if (this.#idleSinceMs !== undefined) {
      if (now - this.#idleSinceMs < IDLE_SLOT_MS) return this.#show("starting", reading, status, slot);
      const offset = await this.#rest.offset(this.#name);
      const first = offset === undefined || offset.snapshot;
      const what = first ? "takes its first snapshot, or cannot reach PostgreSQL" : "cannot reach PostgreSQL";
      return this.#show(
        first ? "starting" : "degraded",
        `${reading}: nobody reads it; the task ${what}`,
        status,
        slot,
      );
    }
    const confirmed = slot?.confirmedLsn ?? null;
    if (confirmed !== this.#confirmed?.lsn || slot?.lagBytes === 0) {
      this.#confirmed = { lsn: confirmed, atMs: now };
    }
    const stillMs = now - this.#confirmed!.atMs;
    if (stillMs > this.#patienceMs) {
      return this.#show(
        "degraded",
        `${reading}: nothing was confirmed for ${
          Math.floor(stillMs / 1000)
        } s. Kafka does not take the records (a topic ` +
          "is missing, or brokers are down), or a transaction is very large",
        status,
        slot,
      );
    }
    this.#show("running", reading, status, slot);
  }

  /** The tables are read again, from a new slot. Whatever step the host dies at, the next one begins anew. */
  async #resnapshot(lost: LostSlot, lsn: bigint | null): Promise<void> {
    const { capture, report, onResnapshot } = this.#options;
    if (capture.onSlotLost === "stop") {
      return this.#show(
        "blocked",
        `Slot ${capture.slot} is lost: ${lost.detail}. Set capture.onSlotLost to "resnapshot": the tables are read again; changes in between are lost`,
      );
    }
    this.#show("degraded", `Slot ${capture.slot} is lost: ${lost.detail}. The tables are read again`);
    const range: ConnectorResnapshot = {
      at: wallClock(),
      ...lost,
      fromLsn: lsn === null ? null : formatLsn(lsn),
      toLsn: await this.#database.currentLsn(),
    };
    await onResnapshot?.(range);
    await this.#halt();
    await this.#drop();
    // Last: until then the stored offset without its slot says that this is still to be done.
    await this.#rest.forgetOffset(this.#name);
    this.#lostSlots++;
    this.resnapshots.push(range);
    if (this.resnapshots.length > 100) this.resnapshots.shift();
    report(
      "error",
      `The slot was lost (${lost.detail}): the tables are read again; changes between ${range.fromLsn} and ${range.toLsn} were not captured`,
    );
    await this.#rest.steer(this.#name, "resume");
  }

  async #drop(): Promise<void> {
    const { slot } = this.#options.capture;
    const deadline = performance.now() + STEER_MS;
    while (!await this.#database.dropSlot(slot)) {
      if (performance.now() > deadline) throw late(`Drop slot ${slot}: somebody reads it`);
      await wait(200, this.#stopping.signal);
    }
  }

  /** Stops the connector and waits until its tasks are gone and nobody reads the slot. */
  async #halt(): Promise<void> {
    await this.#rest.steer(this.#name, "stop");
    await this.#until(
      "Stop the connector",
      (status) => status === undefined || (status.connector.state === "STOPPED" && status.tasks.length === 0),
    );
    const deadline = performance.now() + STEER_MS;
    while ((await this.#database.slot(this.#options.capture.slot))?.active) {
      if (performance.now() > deadline) throw late("Stop the connector: its slot is still read");
      await wait(100, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
    }
  }

  async #until(action: string, done: (status: ConnectorStatus | undefined) => boolean): Promise<void> {
    const deadline = performance.now() + STEER_MS;
    for (;;) {
      const status = await this.#rest.status(this.#name);
      if (done(status)) return;
      if (performance.now() > deadline) {
        throw late(`${action}: it is ${JSON.stringify(status?.connector.state)}`);
      }
      await wait(100, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
    }
  }

  /** A round that could not be ended. */
  #failed(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const known = error instanceof CandlewireError ? error : undefined;
    const detail = known === undefined
      ? errorText(error)
      : `${known.message}${known.hint ? `. ${known.hint}` : ""}`;
    const away = this.#answeredMs === undefined ? Infinity : performance.now() - this.#answeredMs;
    if (known?.retry === "operator") this.#show("blocked", detail);
    else if (known?.code !== "connect.unreachable") this.#show("degraded", detail);
    else if (this.#answeredMs === undefined) {
      this.#show("starting", `Waiting for Kafka Connect at ${this.#options.connect.url}: ${detail}`);
    } else this.#show(away > AWAY_MS ? "failed" : "degraded", detail);
  }

  #show(state: ProbeResult["state"], detail: string, status?: ConnectorStatus, slot?: ConnectorSlot): void {
    const { report } = this.#options;
    const before = this.#result;
    const count = (wanted: string) => status?.tasks.filter((task) => task.state === wanted).length ?? 0;
    this.#result = {
      state,
      detail,
      figures: [
        { label: "Tasks running", value: count("RUNNING"), unit: "" },
        { label: "Tasks failed", value: count("FAILED"), unit: "" },
        { label: "Restarts", value: this.#budget.total, unit: "" },
        { label: "Lost slots", value: this.#lostSlots, unit: "" },
        ...(slot === undefined ? [] : [{ label: "Slot lag", value: slot.lagBytes, unit: "bytes" }]),
      ],
    };
    if (before.state !== state && (state === "failed" || state === "blocked")) {
      report("error", `Connector ${this.#name}: ${detail}`);
    }
  }
}

/** What of a connector has failed, and why. */
type Failure = { what: string; cause: string };

function failureOf(status: ConnectorStatus | undefined): Failure | undefined {
  if (status === undefined) return undefined;
  if (status.connector.state === "FAILED") {
    return { what: "The connector", cause: traceCause(status.connector.trace ?? "") };
  }
  const task = status.tasks.find(({ state }) => state === "FAILED");
  return task === undefined ? undefined : { what: `Task ${task.id}`, cause: traceCause(task.trace ?? "") };
}

function late(text: string): CandlewireError {
  return new CandlewireError("connect.timeout", text, {
    retry: "retry",
    hint: "Look at the worker's log; it is tried again",
  });
}
