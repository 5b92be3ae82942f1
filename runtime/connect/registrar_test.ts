import assert from "node:assert/strict";
import { Capture } from "../capture/capture.ts";
import { MemorySink } from "../capture/sink/memory.ts";
import { memoryContext } from "../host/memory_context.ts";
import { ORIGIN } from "../tests/captured_postgres.ts";
import { ConnectedPostgres, eventuallyLong } from "../tests/connected_postgres.ts";
import { stackIgnore, stackName } from "../tests/test_stack.ts";
import { requestSnapshot } from "./signal_postgres.ts";

const TABLES = ["crypto_24h_stats", "latest_prices", "klines", "order_book", "recent_trades", "completeness"];

/** A row of completeness: a table with a key column and a plain primary key. */
async function insertGap(connected: ConnectedPostgres, symbol: string, firstId: number): Promise<void> {
  await connected.postgres.owner.query(
    `INSERT INTO completeness VALUES ($1, 'trade', $2, $2, 'test', 'open', now(), now(), 1)`,
    [symbol, firstId],
  );
}

const valueOf = (record: { value: string | null }) => JSON.parse(record.value!);

Deno.test({
  name: stackName("the connector is registered, mended, steered, and restarted within its budget"),
  ...stackIgnore,
  async fn(t) {
    await using connected = await ConnectedPostgres.start(TABLES);
    await insertGap(connected, "AUSDT", 1);
    {
      await using keeper = connected.keep();
      await t.step("registered: snapshot and stream, key of keyColumns", async () => {
        await connected.state(keeper, "running");
        await insertGap(connected, "BUSDT", 2);
        const records = await connected.until("completeness", (found) => found.length >= 2, "both rows");
        assert.deepEqual(records.map(({ key }) => key), ['{"symbol":"AUSDT"}', '{"symbol":"BUSDT"}']);
        assert.deepEqual(records.map((record) => valueOf(record).op), ["r", "c"]);
      });
      await t.step("no secret in Connect's answers", async () => {
        const config = JSON.stringify(await connected.rest("GET", "/config"));
        assert.match(config, /"database\.password":"\$\{file:/);
      });
      await t.step("a setting that somebody changed is put back", async () => {
        const config = await connected.rest("GET", "/config") as Record<string, string>;
        const response = await fetch(`${connected.stack.connect}/connectors/${connected.name}/config`, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...config, "tombstones.on.delete": "true" }),
          signal: AbortSignal.timeout(60_000),
        });
        await response.body?.cancel();
        await eventuallyLong(
          async () =>
            (await connected.rest("GET", "/config") as Record<string, string>)["tombstones.on.delete"] ===
              "false",
          () => "the setting stays changed",
        );
        assert.ok(
          connected.log.some((line) => /new settings: tombstones\.on\.delete/.test(line)),
          connected.log.join("\n"),
        );
      });
      await t.step("stopped: the slot is free; paused by hand: resumed", async () => {
        await connected.state(keeper, "running");
        await keeper.stop();
        assert.equal((await keeper.probe()).state, "stopped");
        const slots = await connected.postgres.owner.query(
          "SELECT active FROM pg_replication_slots WHERE slot_name = $1",
          [connected.name],
        );
        assert.deepEqual(slots.rows, [{ active: false }]);
        await insertGap(connected, "CUSDT", 3);
        await keeper.resume();
        await connected.until("completeness", (found) => found.length >= 3, "the row of meanwhile");
        await connected.rest("PUT", "/pause");
        await insertGap(connected, "DUSDT", 4);
        await connected.until("completeness", (found) => found.length >= 4, "the row after a pause by hand");
        await connected.state(keeper, "running");
      });
    }
    await t.step("a connector that was removed is made again, and goes on", async () => {
      await connected.rest("DELETE", "");
      await insertGap(connected, "EUSDT", 5);
      await using keeper = connected.keep();
      const records = await connected.until(
        "completeness",
        (found) => found.length >= 5,
        "the row of meanwhile",
      );
      assert.deepEqual(records.map((record) => valueOf(record).after.first_id), [1, 2, 3, 4, 5]);
      await connected.state(keeper, "running");
    });
    await t.step(
      "a task that fails again and again ends as failed with its cause, and nothing is lost",
      async () => {
        let rows = 5;
        {
          await using keeper = connected.keep({
            connect: connected.connect({
              restartBudget: 2,
              restartWindowMs: 600_000,
              settings: { "producer.override.max.request.size": "4096" },
            }),
          });
          await connected.state(keeper, "running");
          // The task of before may still take some: written until one meets the new settings.
          await eventuallyLong(async () => {
            rows++;
            await connected.postgres.owner.query(
              "INSERT INTO completeness VALUES ('FUSDT', 'trade', $1, $1, repeat('x', 20000), 'open', now(), now(), 1)",
              [rows],
            );
            return connected.log.some((line) => line.includes("failed and is started again"));
          }, () => "no task fails at a record that is too large");
          await connected.state(keeper, "failed", /RecordTooLarge.*2 of 2 restarts/);
          const figures = Object.fromEntries((await keeper.probe()).figures!.map((f) => [f.label, f.value]));
          assert.deepEqual([figures["Tasks running"], figures["Tasks failed"], figures["Restarts"]], [
            0,
            1,
            2,
          ]);
        }
        await using keeper = connected.keep();
        await connected.state(keeper, "running");
        await connected.until(
          "completeness",
          (found) => found.length >= rows,
          "the rows that were too large",
        );
      },
    );
  },
});

Deno.test({
  name: stackName("WAL is confirmed while captured tables are quiet, and a signal row reads tables again"),
  ...stackIgnore,
  async fn(t) {
    await using connected = await ConnectedPostgres.start(TABLES);
    const { owner } = connected.postgres;
    await using keeper = connected.keep({
      connect: connected.connect({ settings: { "heartbeat.interval.ms": "500" } }),
    });
    await insertGap(connected, "AUSDT", 1);
    await connected.until("completeness", (found) => found.length >= 1, "the first row");
    await owner.query("CREATE TABLE busy (id int, filler text)");
    const busy = async () => {
      await owner.query("INSERT INTO busy SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i");
      const { rows } = await owner.query("SELECT pg_current_wal_lsn() AS lsn");
      await eventuallyLong(async () => {
        const found = await owner.query(
          "SELECT confirmed_flush_lsn >= $2::pg_lsn AS confirmed FROM pg_replication_slots WHERE slot_name = $1",
          [connected.name, rows[0].lsn],
        );
        return found.rows[0].confirmed === true;
      }, () => `the slot does not reach ${rows[0].lsn}`);
    };
    await t.step("another table is busy", busy);
    await t.step("the same after a restart right behind a captured commit", async () => {
      // Debezium then looks for the next commit, and a message outside of a transaction is none.
      await insertGap(connected, "BUSDT", 2);
      await connected.until("completeness", (found) => found.length >= 2, "the second row");
      await keeper.stop();
      await keeper.resume();
      await busy();
    });
    await t.step("tables are read again, every row of a symbol too", async () => {
      await connected.state(keeper, "running");
      await insertGap(connected, "AUSDT", 3);
      await owner.query(
        `INSERT INTO order_book VALUES ('AUSDT', '[]', '[]', 0, 1, true, now(), 1), ('BUSDT', '[]', '[]', 0, 1, true, now(), 1)`,
      );
      const options = { postgres: connected.postgres.server, capture: connected.capture() };
      await assert.rejects(requestSnapshot(["public.busy"], options), { code: "connect.unknown_table" });
      const again = (record: { value: string | null }) => valueOf(record).op === "r";
      const before = (await connected.until("completeness", (found) =>
        found.length > 0, "rows")).filter(again)
        .length;
      // The record's key is the symbol: only where it is the primary key, too, Debezium's chunks keep every row.
      assert.deepEqual(
        [...await requestSnapshot(["public.completeness", "public.order_book"], options)].sort(),
        [["public.completeness", "blocking"], ["public.order_book", "incremental"]],
      );
      const books = await connected.until(
        "order_book",
        (found) => found.filter(again).length >= 2,
        "the books read again",
      );
      assert.deepEqual(books.filter(again).map(({ key }) => key), [
        '{"symbol":"AUSDT"}',
        '{"symbol":"BUSDT"}',
      ]);
      const { rows } = await owner.query("SELECT symbol, first_id FROM completeness ORDER BY 1, 2");
      const gaps = await connected.until(
        "completeness",
        (found) => found.filter(again).length >= before + rows.length,
        "every row of completeness read again",
      );
      const read = gaps.filter(again).slice(-rows.length).map((record) => valueOf(record).after)
        .map(({ symbol, first_id }) => `${symbol} ${first_id}`).sort();
      assert.deepEqual(read, rows.map(({ symbol, first_id }) => `${symbol} ${first_id}`).sort());
    });
  },
});

Deno.test({
  name: stackName("PostgreSQL is killed, a topic is missing: it is said, and nothing is lost"),
  ...stackIgnore,
  async fn(t) {
    await using connected = await ConnectedPostgres.start(TABLES);
    await using keeper = connected.keep({
      connect: connected.connect({ settings: { "heartbeat.interval.ms": "500" } }),
    });
    await insertGap(connected, "AUSDT", 1);
    await connected.until("completeness", (found) => found.length >= 1, "the first row");
    await connected.state(keeper, "running");
    await t.step("PostgreSQL is killed", async () => {
      await connected.postgres.restart("kill", () => connected.state(keeper, "degraded"));
      await insertGap(connected, "BUSDT", 2);
      await connected.until("completeness", (found) => found.length >= 2, "the row after the restart");
      await connected.state(keeper, "running");
    });
    await t.step("a topic is missing", async () => {
      const { owner } = connected.postgres;
      await owner.query("CREATE TABLE later (symbol text PRIMARY KEY)");
      await connected.postgres.publish("later");
      // Until the connector knows the table, Debezium passes over its rows.
      await eventuallyLong(
        () => connected.log.some((line) => /new settings: .*table\.include\.list/.test(line)),
        () => "the connector does not learn the new table",
      );
      await connected.state(keeper, "running");
      // Again and again: Connect restarts the task some time after it has taken the settings, and says nothing of it.
      let rows = 0;
      const writing = setInterval(
        () => void owner.query("INSERT INTO later VALUES ($1)", [`C${rows++}USDT`]).catch(() => {}),
        1000,
      );
      try {
        await connected.state(keeper, "degraded", /a topic is missing/);
      } finally {
        clearInterval(writing);
      }
      await connected.makeTopics([`${connected.name}.public.later`]);
      await connected.state(keeper, "running");
      await insertGap(connected, "DUSDT", 3);
      await connected.until("completeness", (found) => found.length >= 3, "the row after it");
    });
  },
});

Deno.test({
  name: stackName("Debezium and our own capture take turns on one slot, and each sees what it missed"),
  ...stackIgnore,
  async fn() {
    await using connected = await ConnectedPostgres.start(TABLES);
    await using keeper = connected.keep({ desired: "stopped" });
    await connected.state(keeper, "stopped");
    await keeper.remove();
    await insertGap(connected, "AUSDT", 1);
    await keeper.resume();
    await connected.until("completeness", (found) => found.length >= 1, "the first row");
    await connected.state(keeper, "running");
    await keeper.stop();

    const sink = new MemorySink();
    const context = memoryContext({}, { origin: ORIGIN });
    const { host, port, database } = connected.postgres.server;
    const ours = new Capture(context, {
      login: { host, port, database, user: "candlewire_capture", password: "c" },
      config: connected.capture(),
      sink,
      onAppend: () => {},
    }).run();
    ours.catch(() => {});
    try {
      await insertGap(connected, "BUSDT", 2);
      await eventuallyLong(
        () => sink.records.some(({ key }) => key === '{"symbol":"BUSDT"}'),
        () => `our capture misses a row: ${JSON.stringify(context.state)}`,
      );
    } finally {
      context.stop();
      await ours;
    }

    await insertGap(connected, "CUSDT", 3);
    await keeper.resume();
    await connected.until(
      "completeness",
      (found) =>
        ["BUSDT", "CUSDT"].every((symbol) => found.some(({ key }) => key === `{"symbol":"${symbol}"}`)),
      "rows of our capture's turn and after it",
    );
    assert.deepEqual(keeper.resnapshots.map(({ reason }) => reason), ["moved"]);
  },
});

for (const how of ["dropped", "invalidated", "moved"] as const) {
  Deno.test({
    name: stackName(`a slot that is ${how}: stopped for an operator, or the tables are read again`),
    ...stackIgnore,
    async fn(t) {
      await using connected = await ConnectedPostgres.start(TABLES);
      const { owner } = connected.postgres;
      await insertGap(connected, "AUSDT", 1);
      {
        await using keeper = connected.keep();
        await insertGap(connected, "BUSDT", 2);
        await connected.until("completeness", (found) => found.length >= 2, "rows");
        await connected.state(keeper, "running");
        await keeper.stop();
      }
      // A change that nobody will see in the stream.
      await owner.query("UPDATE completeness SET cause = 'unseen' WHERE first_id = 1");
      if (how === "invalidated") {
        await owner.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
        await owner.query("SELECT pg_reload_conf()");
        await eventuallyLong(async () => {
          await owner.query(
            "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000)) FROM generate_series(1, 20)",
          );
          await owner.query("SELECT pg_switch_wal()");
          await owner.query("CHECKPOINT");
          const { rows } = await owner.query(
            "SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1",
            [connected.name],
          );
          return rows[0].wal_status === "lost";
        }, () => "the slot is not invalidated");
        await owner.query("ALTER SYSTEM RESET max_slot_wal_keep_size");
        await owner.query("SELECT pg_reload_conf()");
      } else {
        await owner.query("SELECT pg_drop_replication_slot($1)", [connected.name]);
        if (how === "moved") {
          await owner.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [connected.name]);
        }
      }
      await t.step("onSlotLost stop: blocked, nothing skipped", async () => {
        await using keeper = connected.keep({ capture: connected.capture({ onSlotLost: "stop" }) });
        await connected.state(keeper, "blocked", /is lost.*onSlotLost/);
        assert.equal(connected.records.filter(({ topic }) => topic.endsWith(".completeness")).length, 2);
      });
      await t.step("onSlotLost resnapshot", async () => {
        const ranges: unknown[] = [];
        await using keeper = connected.keep({ onResnapshot: (range) => void ranges.push(range) });
        const records = await connected.until(
          "completeness",
          (found) => found.length >= 4,
          "rows read again",
        );
        assert.deepEqual(
          records.slice(2).map((record) => [valueOf(record).op, valueOf(record).after.cause]).sort(),
          [
            ["r", "test"],
            ["r", "unseen"],
          ],
        );
        await connected.state(keeper, "running");
        assert.equal(ranges.length, 1);
        assert.deepEqual(keeper.resnapshots, ranges);
        assert.equal(keeper.resnapshots[0]!.reason, how);
        await insertGap(connected, "CUSDT", 3);
        await connected.until("completeness", (found) => found.length >= 5, "the stream after it");
      });
    },
  });
}
