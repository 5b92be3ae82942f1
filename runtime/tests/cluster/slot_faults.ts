import assert from "node:assert/strict";
import type pg from "pg";
import { until } from "../pipeline_process.ts";
import type { FaultPipeline, FaultStep } from "./fault_pipeline.ts";
import type { ClusterServers } from "./servers.ts";

/** What strangers do to the connector by Connect's own REST: the host puts it back, and says so. */
export async function connectFaults(fault: FaultPipeline, servers: ClusterServers): Promise<void> {
  const at = `${servers.connect}/connectors/${fault.names.connector}`;
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${at}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text;
  };
  const strangers: { what: string; work: () => Promise<unknown>; said?: RegExp }[] = [
    { what: "restarted", work: () => ask("POST", "/restart?includeTasks=true&onlyFailed=false") },
    { what: "paused", work: () => ask("PUT", "/pause"), said: /was paused: resumed/ },
    { what: "stopped", work: () => ask("PUT", "/stop"), said: /was stopped: resumed/ },
    { what: "removed", work: () => ask("DELETE", ""), said: /registered in Kafka Connect/ },
    {
      what: "configured",
      work: async () => {
        const config = JSON.parse(await ask("GET", "/config"));
        const strange = { "tombstones.on.delete": "true", "table.include.list": "public\\.klines" };
        await ask("PUT", "/config", { ...config, ...strange });
      },
      // What these settings passed over is read again.
      said: /passed over changes of .*public\.recent_trades.*: the tables are read again/,
    },
  ];
  for (const { what, work, said } of strangers) {
    await fault.load();
    await fault.storedMore(30);
    const since = fault.lines.length;
    await until(`the connector to be ${what}`, 60_000, async () => {
      await work();
      return true;
    });
    if (said !== undefined) await fault.said(said, since);
    await fault.storedMore(100);
  }
  assert.match(await ask("GET", "/config"), /"tombstones\.on\.delete":"false"/);
  await fault.equalsTruth();
}

/** Drops the slot that is being read: the way to have the tables read again. */
export async function dropSlot(owner: pg.Client): Promise<void> {
  await unread(owner, "SELECT pg_drop_replication_slot('candlewire')");
}

/** Ways to lose a slot that is being read. */
const LOSSES = {
  dropped: dropSlot,
  moved: async (owner: pg.Client) => {
    await unread(owner, "SELECT pg_replication_slot_advance('candlewire', pg_current_wal_lsn())");
  },
  invalidated: async (owner: pg.Client) => {
    await owner.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
    await owner.query("SELECT pg_reload_conf()");
    await until("the slot to be invalidated", 60_000, async () => {
      await unread(owner, "SELECT 1", 1);
      await owner.query(
        "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000)) FROM generate_series(1, 20)",
      );
      await owner.query("SELECT pg_switch_wal()");
      await owner.query("CHECKPOINT");
      const { rows } = await owner.query("SELECT wal_status FROM pg_replication_slots");
      return rows[0]?.wal_status === "lost" || rows.length === 0 || undefined;
    });
    await owner.query("ALTER SYSTEM RESET max_slot_wal_keep_size");
    await owner.query("SELECT pg_reload_conf()");
  },
};

/** Loses the slot under load: the state says so, the tables are read again, and the range is recorded. */
export async function slotFaults(step: FaultStep, fault: FaultPipeline): Promise<void> {
  for (const [how, lose] of Object.entries(LOSSES)) {
    await step(`slot ${how} while it is read`, async () => {
      await using owner = await fault.owner();
      await fault.load();
      await fault.storedMore(50);
      const since = fault.lines.length;
      const before = await fault.figure("capture", "Lost slots");
      await lose(owner);
      await fault.said(
        /The slot was lost .*tables are read again; changes between .* were not captured/,
        since,
      );
      await fault.shows("capture", /running/, /Debezium/);
      await fault.storedMore(50);
      await fault.equalsTruth();
      assert.ok((await fault.figure("capture", "Lost slots"))! > before!);
    });
  }
}

/** Ends the slot's reader, and does something before it is back. */
async function unread(owner: pg.Client, statement: string, attempts = 1000): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      await owner.query("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");
      await owner.query(statement);
      return;
    } catch (error) {
      // object_in_use: the reader has not gone yet, or is back already.
      if ((error as { code?: string }).code !== "55006") throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
