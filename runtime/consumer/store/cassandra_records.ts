import { CandlewireError } from "../../error.ts";
import type { Alert } from "../transform/transform.ts";
import { ttlOf } from "./cassandra_rows.ts";
import type { CassandraSession } from "./cassandra_session.ts";
import type { Replay } from "./replay_record.ts";

/** Replays that are kept; older ones that have finished are forgotten. */
const KEPT_REPLAYS = 200;
const DAY_MS = 86_400_000;

/** What is rare: alerts, replays, notes and the revision. */
export class CassandraRecords {
  readonly #session: CassandraSession;
  readonly #keepAlertsMs: number | null;

  constructor(session: CassandraSession, keepAlertsMs: number | null) {
    this.#session = session;
    this.#keepAlertsMs = keepAlertsMs;
  }

  /** Each is raised once among all instances: the row is made by compare-and-set, its entry by day before it. */
  async raise(alerts: readonly Alert[], now: number): Promise<Alert[]> {
    const raised: Alert[] = [];
    for (const alert of alerts) {
      const { id, rule, symbol, message, raisedAt, evidence } = alert;
      const action = `Store alert ${id}`;
      const ttl = ttlOf(this.#keepAlertsMs, raisedAt, now);
      await this.#session.change(
        action,
        "INSERT INTO alerts_by_day (day, raised_at, id) VALUES (?, ?, ?) USING TTL ?",
        [Math.floor(raisedAt / DAY_MS), raisedAt, id, ttl],
      );
      const { applied } = await this.#session.compareAndSet(
        action,
        `INSERT INTO alerts (id, rule, symbol, message, raised_at, evidence, delivered)
         VALUES (?, ?, ?, ?, ?, ?, false) IF NOT EXISTS USING TTL ?`,
        [id, rule, symbol, message, raisedAt, JSON.stringify(evidence), ttl],
      );
      if (applied) raised.push(alert);
    }
    return raised;
  }

  async markDelivered(id: string): Promise<boolean> {
    const action = `Mark alert ${id}`;
    const [row] = await this.#session.rows(action, "SELECT TTL(message) AS ttl FROM alerts WHERE id = ?", [
      id,
    ]);
    if (row === undefined) return false;
    const { applied } = await this.#session.compareAndSet(
      action,
      "UPDATE alerts USING TTL ? SET delivered = true WHERE id = ? IF EXISTS",
      [row.ttl ?? 0, id],
    );
    return applied;
  }

  async replays(): Promise<Replay[]> {
    const rows = await this.#session.rows(
      "Read replays",
      `SELECT body FROM replays WHERE shard = 0 LIMIT ${KEPT_REPLAYS}`,
      [],
    );
    return rows.map(({ body }) => JSON.parse(body) as Replay);
  }

  async saveReplay(replay: Replay): Promise<void> {
    const action = `Save replay ${replay.id}`;
    await this.#session.change(
      action,
      "INSERT INTO replays (shard, created_at, id, body) VALUES (0, ?, ?, ?)",
      [
        replay.created_at,
        replay.id,
        JSON.stringify(replay),
      ],
    );
    const rows = await this.#session.rows(
      action,
      "SELECT created_at, id, body FROM replays WHERE shard = 0",
      [],
    );
    for (const { created_at, id, body } of rows.slice(KEPT_REPLAYS)) {
      if ((JSON.parse(body) as Replay).state === "running") continue;
      await this.#session.change(
        action,
        "DELETE FROM replays WHERE shard = 0 AND created_at = ? AND id = ?",
        [
          created_at,
          id,
        ],
      );
    }
  }

  async note(name: string): Promise<string | undefined> {
    const [row] = await this.#session.rows(`Read note ${name}`, "SELECT value FROM notes WHERE name = ?", [
      name,
    ]);
    return row?.value ?? undefined;
  }

  async saveNote(name: string, text: string): Promise<void> {
    await this.#session.change(`Save note ${name}`, "INSERT INTO notes (name, value) VALUES (?, ?)", [
      name,
      text,
    ]);
  }

  /** Numbers are given out once; one whose answer was lost is never used. */
  async nextRevision(): Promise<number> {
    const action = "Take a revision for a correcting replay";
    let { applied, row } = await this.#session.compareAndSet(
      action,
      "INSERT INTO counters (name, value) VALUES ('revision', 1) IF NOT EXISTS",
      [],
    );
    if (applied) return 1;
    for (;;) {
      const value = (row?.value as number | null ?? 0) + 1;
      if (value > 999) {
        throw new CandlewireError("store.revisions_exhausted", `${action}: all 999 are used`, {
          retry: "operator",
          hint: "Rebuild the store from the log into a new keyspace",
        });
      }
      ({ applied, row } = await this.#session.compareAndSet(
        action,
        "UPDATE counters SET value = ? WHERE name = 'revision' IF value = ?",
        [value, value - 1],
      ));
      if (applied) return value;
    }
  }
}
