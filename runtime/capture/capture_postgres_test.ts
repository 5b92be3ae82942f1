import assert from "node:assert/strict";
import pg from "pg";
import { memoryContext } from "../host/memory_context.ts";
import { CapturedPostgres, journalRecords, ORIGIN, recordsOf } from "../tests/captured_postgres.ts";
import { eventually } from "../tests/until.ts";
import { TcpProxy } from "../tests/tcp_proxy.ts";
import { Capture } from "./capture.ts";
import { captureConfig } from "./config.ts";
import { MemorySink } from "./sink/memory.ts";

const topic = (table: string) => `binance.public.${table}`;

Deno.test("capture over a real PostgreSQL", async (t) => {
  await using postgres = await CapturedPostgres.start();
  const sql = (text: string, values?: unknown[]) => postgres.owner.query(text, values);
  const slotIs = async (slot: string, active: boolean) =>
    (await sql("SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active = $2", [slot, active]))
      .rowCount === 1;

  await t.step(
    "old rows, unchanged TOAST values, changed keys and truncates come as Debezium's events",
    async () => {
      await sql("CREATE TABLE whole (symbol text, id int PRIMARY KEY, big text, n int)");
      await sql("ALTER TABLE whole REPLICA IDENTITY FULL");
      await sql("CREATE TABLE plain (id int PRIMARY KEY, big text, n int NOT NULL)");
      for (const table of ["whole", "plain"]) {
        await sql(`ALTER TABLE ${table} ALTER big SET STORAGE EXTERNAL`);
      }
      await postgres.publish("whole", "plain");
      const journal = postgres.journal();
      {
        await using capture = postgres.capture(journal, { slot: "shapes" });
        await postgres.streaming(capture);
        const big = "x".repeat(20_000);
        await sql("INSERT INTO whole VALUES ('A', 1, $1, 0)", [big]);
        await sql("UPDATE whole SET n = 1");
        await sql("UPDATE whole SET symbol = 'B'");
        await sql("DELETE FROM whole");
        await sql("INSERT INTO plain VALUES (1, $1, 0)", [big]);
        await sql("UPDATE plain SET n = 1");
        await sql("UPDATE plain SET id = 2");
        await sql("DELETE FROM plain");
        await sql("TRUNCATE whole, plain");
        await recordsOf(journal, topic("whole"), 6);
        await recordsOf(journal, topic("plain"), 6);
        const short = (row: Record<string, unknown> | null) =>
          row && { ...row, big: row.big === big ? "whole" : row.big };
        const shapes = (await journalRecords(journal)).map(({ topic, key, value }) => ({
          at: BigInt(value.source.lsn!),
          table: topic.split(".")[2],
          key,
          op: value.op,
          before: short(value.before),
          after: short(value.after),
        }));
        const of = (table: string) =>
          shapes.filter((shape) => shape.table === table).sort((a, b) => Number(a.at - b.at)).map((
            { key, op, before, after },
          ) => [op, key, before, after]);
        const row = (symbol: string, n: number) => ({ symbol, id: 1, big: "whole", n });
        assert.deepEqual(of("whole").slice(0, 2), [
          ["c", { symbol: "A" }, null, row("A", 0)],
          ["u", { symbol: "A" }, row("A", 0), row("A", 1)],
        ]);
        // Two records of one change have one LSN, and lie in two partitions.
        assert.deepEqual(of("whole").slice(2, 4).sort((a, b) => String(b[0]).localeCompare(String(a[0]))), [
          ["d", { symbol: "A" }, row("A", 1), null],
          ["c", { symbol: "B" }, null, row("B", 1)],
        ]);
        assert.deepEqual(of("whole").slice(4), [
          ["d", { symbol: "B" }, row("B", 1), null],
          ["t", null, null, null],
        ]);
        const unavailable = "__debezium_unavailable_value";
        assert.deepEqual(of("plain").slice(0, 2), [
          ["c", { id: 1 }, null, { id: 1, big: "whole", n: 0 }],
          ["u", { id: 1 }, null, { id: 1, big: unavailable, n: 1 }],
        ]);
        assert.deepEqual(of("plain").slice(2, 4).sort((a, b) => String(b[0]).localeCompare(String(a[0]))), [
          ["d", { id: 1 }, { id: 1, big: null, n: null }, null],
          ["c", { id: 2 }, null, { id: 2, big: unavailable, n: 1 }],
        ]);
        assert.deepEqual(of("plain").slice(4), [
          ["d", { id: 2 }, { id: 2, big: null, n: null }, null],
          ["t", null, null, null],
        ]);
      }
      await postgres.dropSlot("shapes");
    },
  );

  await t.step("a partition's changes are its root's; a column that is added comes along", async () => {
    await sql("CREATE TABLE rooted (symbol text, at int, PRIMARY KEY (symbol, at)) PARTITION BY RANGE (at)");
    await sql("CREATE TABLE rooted_1 PARTITION OF rooted FOR VALUES FROM (0) TO (10)");
    await sql("CREATE TABLE rooted_2 PARTITION OF rooted FOR VALUES FROM (10) TO (20)");
    await postgres.publish("rooted");
    await sql("INSERT INTO rooted VALUES ('A', 1), ('A', 11)");
    const journal = postgres.journal();
    {
      await using capture = postgres.capture(journal, { slot: "rooted" });
      await postgres.streaming(capture);
      await sql("INSERT INTO rooted VALUES ('A', 2), ('A', 12)");
      await sql("ALTER TABLE rooted ADD COLUMN note text, ADD COLUMN shape circle");
      await sql("INSERT INTO rooted VALUES ('A', 3, 'new', '<(0,0),1>')");
      await sql("DROP TABLE rooted_2");
      await sql("INSERT INTO rooted VALUES ('A', 4, 'last', NULL)");
      const records = await recordsOf(journal, topic("rooted"), 6);
      assert.deepEqual(records.map(({ value }) => [value.op, value.after!.at, value.after!.note]), [
        ["r", 1, undefined],
        ["r", 11, undefined],
        ["c", 2, undefined],
        ["c", 12, undefined],
        ["c", 3, "new"],
        ["c", 4, "last"],
      ]);
      assert.deepEqual(records.map(({ value }) => value.source.snapshot).slice(0, 3), [
        "first",
        "last",
        "false",
      ]);
      assert.ok(capture.context.logs.some(({ message }) => message.includes("shape (circle)")));
    }
    await postgres.dropSlot("rooted");
  });

  await t.step("snapshot and stream join without gap or overlap under concurrent writes", async () => {
    await sql("CREATE TABLE joined (symbol text, id serial PRIMARY KEY)");
    await postgres.publish("joined");
    await sql("INSERT INTO joined (symbol) SELECT 'S' || g % 5 FROM generate_series(1, 5000) g");
    let writing = true;
    const writer = (async () => {
      while (writing) await sql("INSERT INTO joined (symbol) SELECT 'S' || g FROM generate_series(0, 4) g");
    })();
    const journal = postgres.journal();
    {
      await using capture = postgres.capture(journal, { slot: "joined", snapshotFetchSize: 500 });
      await postgres.streaming(capture);
      const until = Date.now() + 200;
      await eventually(() => Date.now() > until, "");
      writing = false;
      await writer;
      const count = (await sql("SELECT count(*)::int AS n FROM joined")).rows[0].n;
      const records = await recordsOf(journal, topic("joined"), count);
      assert.equal(records.length, count, "each row once: read or created, never both");
      assert.equal(new Set(records.map(({ value }) => value.after!.id)).size, count);
      const operations = new Set(records.map(({ value }) => value.op));
      assert.deepEqual([...operations].sort(), ["c", "r"], "rows came both ways");
    }
    await postgres.dropSlot("joined");
  });

  await t.step("PostgreSQL may be killed and restarted: every change comes once, in order", async () => {
    await sql("CREATE TABLE lasting (symbol text, id int)");
    await postgres.publish("lasting");
    const journal = postgres.journal();
    {
      await using capture = postgres.capture(journal, { slot: "lasting" });
      await postgres.streaming(capture);
      let id = 0;
      for (const how of ["kill", "stop", "kill"] as const) {
        for (let i = 0; i < 50; i++) await sql("INSERT INTO lasting VALUES ('A', $1)", [id++]);
        await postgres.restart(how);
        for (let i = 0; i < 50; i++) await sql("INSERT INTO lasting VALUES ('A', $1)", [id++]);
      }
      const records = await recordsOf(journal, topic("lasting"), id);
      assert.deepEqual(records.map(({ value }) => value.after!.id), [...Array(id).keys()]);
      assert.ok(
        capture.context.logs.some(({ level }) => level === "warn"),
        "the lost connection was reported",
      );
      await postgres.streaming(capture);
    }
    await postgres.dropSlot("lasting");
  });

  await t.step(
    "a slot that was dropped, or read by another, means a new snapshot, and its range is told",
    async () => {
      await sql("CREATE TABLE again (symbol text, id int)");
      await postgres.publish("again");
      const journal = postgres.journal();
      const run = async (work: () => Promise<void>) => {
        await using capture = postgres.capture(journal, { slot: "again" });
        await postgres.streaming(capture);
        await work();
        return await capture.context.invoke("journal", {}) as {
          resnapshots: { reason: string; fromLsn: string }[];
        };
      };
      await run(async () => {
        await sql("INSERT INTO again VALUES ('A', 1)");
        await recordsOf(journal, topic("again"), 1);
      });
      await postgres.dropSlot("again");
      await sql("INSERT INTO again VALUES ('A', 2)");
      const dropped = await run(async () => void await recordsOf(journal, topic("again"), 3));
      assert.deepEqual(dropped.resnapshots.map(({ reason }) => reason), ["dropped"]);
      await eventually(() => slotIs("again", false), "the slot stays in use");
      await sql("INSERT INTO again VALUES ('A', 3)");
      await sql("SELECT pg_replication_slot_advance('again', pg_current_wal_lsn())");
      const moved = await run(async () => void await recordsOf(journal, topic("again"), 6));
      assert.deepEqual(moved.resnapshots.map(({ reason }) => reason), ["moved"]);
      const records = await journalRecords(journal, [topic("again")]);
      assert.deepEqual(records.map(({ value }) => value.op + value.after!.id), [
        "c1",
        "r1",
        "r2",
        "r1",
        "r2",
        "r3",
      ]);
      // An operator may want to decide.
      await postgres.dropSlot("again");
      await using capture = postgres.capture(journal, { slot: "again", onSlotLost: "stop" });
      await eventually(() => capture.context.state.health === "blocked", "capture is not blocked");
      assert.match(capture.context.state.detail, /capture\.slot_lost.*the slot was dropped.*onSlotLost/);
    },
  );

  await t.step(
    "a second capture waits for the slot, says so, and takes over when the first is gone",
    async () => {
      await sql("CREATE TABLE shared (symbol text, id int)");
      await postgres.publish("shared");
      const journal = postgres.journal();
      const first = postgres.capture(journal, { slot: "shared" });
      await postgres.streaming(first);
      await using second = postgres.capture(journal, { slot: "shared" });
      await eventually(
        () => second.context.state.detail.includes("capture.slot_in_use"),
        () => `state ${JSON.stringify(second.context.state)}`,
      );
      assert.equal(second.context.state.health, "degraded");
      // The journal was taken over at its opening: the first must not write any more.
      await sql("INSERT INTO shared VALUES ('A', 1)");
      await assert.rejects(() => first.done, { code: "capture.fenced" });
      await postgres.streaming(second);
      const records = await recordsOf(journal, topic("shared"), 1);
      assert.deepEqual(records.map(({ value }) => value.after!.id), [1]);
      second.context.stop();
      await second.done;
      await postgres.dropSlot("shared");
    },
  );

  await t.step(
    "a slot that another reads is not dropped by who has captured nothing yet, not even later",
    async () => {
      await sql("CREATE TABLE read_by_one (symbol text, id int)");
      await postgres.publish("read_by_one");
      const journal = postgres.journal();
      const first = postgres.capture(journal, { slot: "one" });
      await postgres.streaming(first);
      {
        await using second = postgres.capture(postgres.journal(), { slot: "one" });
        await eventually(
          () => second.context.state.detail.includes("capture.slot_in_use"),
          () => `state ${JSON.stringify(second.context.state)}`,
        );
        second.context.stop();
        await second.done;
      }
      first.context.stop();
      await first.done;
      await eventually(() => slotIs("one", false), "the slot is gone");
      const waiting = await sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DROP_REPLICATION_SLOT%'");
      assert.equal(waiting.rowCount, 0);
      await postgres.dropSlot("one");
    },
  );

  await t.step("a full journal blocks, visibly, and goes on when the reader has acknowledged", async () => {
    await sql("CREATE TABLE much (symbol text, id int, pad text)");
    await sql("CREATE PUBLICATION much FOR TABLE much");
    await sql("GRANT SELECT ON much TO candlewire_capture");
    const journal = postgres.journal();
    const limits = {
      segmentBytes: 200_000,
      segmentMs: 3_600_000,
      retentionMs: 0,
      retentionBytes: 65_536,
      maxBytes: 1_000_000,
    };
    {
      await using capture = postgres.capture(journal, {
        slot: "much",
        publication: "much",
        journal: limits,
        maxPendingChars: 65_536,
      });
      await postgres.streaming(capture);
      await sql("INSERT INTO much SELECT 'A', g, repeat('x', 1000) FROM generate_series(0, 2999) g");
      const { context } = capture;
      await eventually(
        () => context.state.health === "blocked",
        () => `state ${JSON.stringify(context.state)}`,
      );
      assert.match(
        context.state.detail,
        /holds \d+ bytes of at most 1000000.*acknowledged.*Start the consumer/,
      );
      const seen: unknown[] = [];
      await eventually(async () => {
        const records = await journalRecords(journal, [topic("much")]);
        for (const { value } of records) {
          if (Number(value.after!.id) >= seen.length) seen.push(value.after!.id);
        }
        const last = records[records.length - 1]!;
        const positions = [{ topic: last.topic, partition: last.partition, offset: last.offset + 1 }];
        await context.invoke("log.acknowledged", { group: "test", positions });
        return seen.length >= 3000;
      }, () => `${seen.length} of 3000 rows came`);
      assert.deepEqual(seen, [...Array(3000).keys()]);
      await eventually(() => context.state.health === "running", "capture stays blocked");
      await assert.rejects(() => context.invoke("log.acknowledged", { group: 1 }), {
        code: "capture.bad_request",
      });
    }
    await postgres.dropSlot("much");
  });

  await t.step("the slot's position moves while nothing published is written", async () => {
    await sql("ALTER SYSTEM SET wal_sender_timeout = '2s'");
    await sql("SELECT pg_reload_conf()");
    const journal = postgres.journal();
    {
      await using capture = postgres.capture(journal, { slot: "quiet", statusIntervalMs: 500 });
      await postgres.streaming(capture);
      await sql("CREATE TABLE unpublished AS SELECT g FROM generate_series(1, 1000) g");
      const target = (await sql("SELECT pg_current_wal_lsn() AS lsn")).rows[0].lsn;
      const passed = async () =>
        (await sql(
          "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'quiet' AND confirmed_flush_lsn >= $1",
          [target],
        )).rowCount === 1;
      await eventually(passed, "the slot holds WAL that nobody needs");
    }
    // Acknowledged, and remembered as such: the next start is no lost slot.
    {
      await using capture = postgres.capture(journal, { slot: "quiet" });
      await postgres.streaming(capture);
      assert.deepEqual(
        (await capture.context.invoke("journal", {}) as { resnapshots: unknown[] }).resnapshots,
        [],
      );
    }
    await postgres.dropSlot("quiet");
  });

  await t.step("a stop between the snapshot and the stream ends it", async () => {
    const context = memoryContext({}, { origin: ORIGIN });
    const sink = new MemorySink();
    const append = sink.append.bind(sink);
    let stopped = 0;
    sink.append = async (records, position) => {
      await append(records, position);
      if (position.snapshot !== null) return;
      stopped++;
      context.stop();
    };
    const { host, port, database } = postgres.server;
    const login = { host, port, database, user: "candlewire_capture", password: "c" };
    let done = false;
    const config = captureConfig.parse({ slot: "brief" });
    const running = new Capture(context, { login, config, sink, onAppend: () => {} }).run();
    const ended = running.finally(() => done = true);
    ended.catch(() => {});
    try {
      await eventually(() => done, "capture goes on");
    } finally {
      context.stop();
    }
    await ended;
    assert.equal(stopped, 1);
    await postgres.dropSlot("brief");
  });

  await t.step("a stop does not wait for the transactions that a new slot waits for", async () => {
    const open = new pg.Client(postgres.server);
    await open.connect();
    await open.query("BEGIN; SELECT pg_current_xact_id()");
    const capture = postgres.capture(postgres.journal(), { slot: "late" });
    await eventually(
      () => /Creating slot late: PostgreSQL waits/.test(capture.context.state.detail),
      "capture does not say what it waits for",
    );
    let done = false;
    const ending = capture[Symbol.asyncDispose]().then(() => done = true);
    await eventually(() => done, "capture goes on");
    await ending;
    await open.end();
  });

  await t.step("a server that falls silent is noticed, and read again when it is back", async () => {
    await using proxy = new TcpProxy({ hostname: postgres.server.host, port: postgres.server.port });
    const direct = postgres.server;
    const journal = postgres.journal();
    postgres.server = { ...direct, host: "127.0.0.1", port: proxy.port };
    const capture = postgres.capture(journal, { slot: "silent", statusIntervalMs: 100 });
    postgres.server = direct;
    try {
      await postgres.streaming(capture);
      proxy.hold();
      await eventually(
        () => /said nothing for/.test(capture.context.state.detail),
        () => `the silence is not noticed: ${JSON.stringify(capture.context.state)}`,
      );
      assert.equal(capture.context.state.health, "degraded");
      proxy.restore();
      await postgres.streaming(capture);
    } finally {
      await capture[Symbol.asyncDispose]();
    }
    await postgres.dropSlot("silent");
  });

  await t.step("what an operator must mend is named, with the remedy, and tried again", async () => {
    const journal = postgres.journal();
    await using capture = postgres.capture(journal, { slot: "none", publication: "missing" });
    await eventually(() => capture.context.state.health === "blocked", "capture is not blocked");
    assert.match(capture.context.state.detail, /capture\.publication_missing.*"missing".*CREATE PUBLICATION/);
    await sql("CREATE PUBLICATION missing FOR TABLE plain");
    await postgres.streaming(capture);
    capture.context.stop();
    await capture.done;
    await postgres.dropSlot("none");
    await sql("ALTER ROLE candlewire_capture PASSWORD 'other'");
    await using locked = postgres.capture(postgres.journal(), { slot: "none" });
    await eventually(() => locked.context.state.health === "blocked", "capture is not blocked");
    assert.match(locked.context.state.detail, /capture\.access_denied.*password/);
    assert.ok(!JSON.stringify(locked.context.logs).includes('"c"'), "no password is logged (I6)");
  });
});
