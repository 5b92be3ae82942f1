import assert from "node:assert/strict";
import pg from "pg";
import { type EpochMs, epochMs, wallClock } from "../market/epoch.ts";
import { TcpProxy } from "../tests/tcp_proxy.ts";
import { until } from "../tests/pipeline_process.ts";
import { maintainPostgres } from "./maintenance_postgres.ts";
import { migratePostgres } from "./migrate_postgres.ts";
import { startPostgres } from "./server.ts";

const DAY_MS = 86_400_000;
const ORIGIN = { kind: "exchange" as const, id: "one", label: "test" };

Deno.test("maintenance of PostgreSQL", async (t) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const server = await startPostgres({ folder, port: 0 });
  const stop = new AbortController();
  const today = Math.floor(wallClock() / DAY_MS);
  const day = (days: number): { from: EpochMs; to: EpochMs } => {
    const start = (today + days) * DAY_MS;
    return { from: epochMs(start), to: epochMs(start + DAY_MS - 1) };
  };
  try {
    await migratePostgres(server, {
      origin: ORIGIN,
      passwords: { candlewire_producer: "p", candlewire_capture: "c" },
    });
    const options = { daysAhead: 1, intervalMs: 3_600_000, signal: stop.signal, report() {} };

    await t.step("makes what is kept, and refuses what the next round would drop", async () => {
      await using maintenance = await maintainPostgres(server, { ...options, retentionDays: 3 });
      assert.equal(await maintenance.ensure("recent_trades", day(-3)), 1);
      for (const range of [day(-4), day(-400), { from: day(-4).from, to: day(0).to }]) {
        await assert.rejects(() => maintenance.ensure("recent_trades", range), {
          code: "postgres.partition_range",
          message: /only what is newer than .*T00:00:00\.000Z is kept/,
        });
      }
      // A simulated market runs ahead of the clock.
      assert.equal(await maintenance.ensure("recent_trades", day(30)), 1);
    });

    await t.step("ends although the server says nothing any more", async () => {
      await using proxy = new TcpProxy({ hostname: server.host, port: server.port });
      const reached = { ...server, host: "127.0.0.1", port: proxy.port };
      const maintenance = await maintainPostgres(reached, { ...options, retentionDays: null });
      proxy.hold();
      let ended = false;
      const ending = maintenance[Symbol.asyncDispose]().then(() => ended = true);
      await until("maintenance to end", 30_000, () => ended || undefined);
      await ending;
    });

    await t.step("keeps what it has just made in its next round", async () => {
      await using _ = await maintainPostgres(server, { ...options, retentionDays: 3 });
      const client = new pg.Client(server);
      await client.connect();
      const name = `recent_trades_p${new Date(day(-3).from).toISOString().slice(0, 10).replaceAll("-", "")}`;
      assert.equal((await client.query("SELECT 1 FROM pg_class WHERE relname = $1", [name])).rowCount, 1);
      await client.end();
    });

    await t.step("makes any day when everything is kept", async () => {
      await using maintenance = await maintainPostgres(server, { ...options, retentionDays: null });
      assert.equal(await maintenance.ensure("klines", day(-4000)), 1);
    });

    await t.step("gives up soon behind a long reader, so that the producer is not held up", async () => {
      await using maintenance = await maintainPostgres(server, { ...options, retentionDays: null });
      const [reader, writer] = [new pg.Client(server), new pg.Client(server)];
      await reader.connect();
      await writer.connect();
      await reader.query("BEGIN; SELECT count(*) FROM recent_trades");
      const making = maintenance.ensure("recent_trades", day(-5000)).then(() => "made", () => "given up");
      assert.equal(await making, "given up");
      // Not behind the reader any more.
      await writer.query("SET lock_timeout = '5s'");
      await writer.query(
        `INSERT INTO recent_trades VALUES ('A', 1, 1, 1, to_timestamp(${day(0).from / 1000}), true, false)`,
      );
      await reader.query("COMMIT");
      assert.equal(await maintenance.ensure("recent_trades", day(-5000)), 1);
      await Promise.all([reader.end(), writer.end()]);
    });
  } finally {
    stop.abort();
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
