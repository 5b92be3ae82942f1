import assert from "node:assert/strict";
import { join } from "node:path";
import pg from "pg";
import { epochMs } from "../market/epoch.ts";
import { migratePostgres } from "./migrate_postgres.ts";
import { dropPartitionsBefore, ensurePartitions } from "./partition_postgres.ts";
import { freePort } from "./port.ts";
import { startPostgres } from "./server.ts";

const ORIGIN = { kind: "exchange" as const, id: "one", label: "test" };
const PASSWORDS = { candlewire_producer: "p", candlewire_capture: "c" };

Deno.test("the embedded PostgreSQL", async (t) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  let server = await startPostgres({ folder, port: 0 });
  try {
    await t.step("starts on loopback, with logical WAL and a secret password", async () => {
      await migratePostgres(server, { origin: ORIGIN, passwords: PASSWORDS });
      const client = new pg.Client(server);
      await client.connect();
      assert.equal((await client.query("SHOW wal_level")).rows[0].wal_level, "logical");
      await client.end();
      assert.equal((Deno.statSync(join(folder, "credentials.json")).mode ?? 0) & 0o777, 0o600);
      await assert.rejects(
        () => new pg.Client({ ...server, password: "wrong" }).connect(),
        /password authentication failed/,
      );
    });

    await t.step("is adopted by the next start while it runs, and keeps its port", async () => {
      const again = await startPostgres({ folder, port: 0 });
      assert.equal(again.adopted, true);
      assert.equal(again.pid, server.pid);
      assert.equal(again.port, server.port);
    });

    await t.step("starts again after kill -9 with what was committed", async () => {
      const client = new pg.Client(server);
      client.on("error", () => {});
      await client.connect();
      await client.query(
        "INSERT INTO completeness VALUES ('A', 'trade', 1, 2, 'test', 'open', now(), now(), 1)",
      );
      Deno.kill(server.pid, "SIGKILL");
      const deadline = Date.now() + 20_000;
      while (await Deno.stat(`/proc/${server.pid}`).then(() => true, () => false)) {
        assert.ok(Date.now() < deadline, "the killed server is still there");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      server = await startPostgres({ folder, port: 0 });
      assert.equal(server.adopted, false);
      const next = new pg.Client(server);
      await next.connect();
      assert.equal((await next.query("SELECT count(*)::int AS n FROM completeness")).rows[0].n, 1);
      await next.end();
    });

    await t.step("migrates once, and refuses another origin by name (I8)", async () => {
      await migratePostgres(server, { origin: ORIGIN, passwords: PASSWORDS });
      await assert.rejects(
        () =>
          migratePostgres(server, {
            origin: { kind: "live", id: "binance", label: "Binance" },
            passwords: PASSWORDS,
          }),
        { code: "postgres.origin_mismatch", message: /"test" \(exchange one\).*"Binance"/ },
      );
    });

    await t.step("gives each module the rights it needs and no others (I6)", async () => {
      const client = new pg.Client({ ...server, user: "candlewire_capture", password: "c" });
      await client.connect();
      await assert.rejects(
        () => client.query("INSERT INTO candlewire_fence VALUES ('x', 1)"),
        /permission denied/,
      );
      await client.end();
    });

    await t.step("makes partitions by day and drops whole expired ones", async () => {
      const client = new pg.Client(server);
      await client.connect();
      const day = (text: string) => epochMs(Date.parse(text));
      const range = { from: day("2026-01-30T23:59:59.999Z"), to: day("2026-02-01T00:00:00Z") };
      assert.equal(await ensurePartitions(client, "recent_trades", range), 3);
      assert.equal(await ensurePartitions(client, "recent_trades", range), 0);
      assert.deepEqual(await dropPartitionsBefore(client, "recent_trades", day("2026-02-01T00:00:00Z")), [
        "recent_trades_p20260130",
        "recent_trades_p20260131",
      ]);
      await assert.rejects(
        () =>
          ensurePartitions(client, "recent_trades", { from: epochMs(0), to: day("2026-02-01T00:00:00Z") }),
        { code: "postgres.partition_range" },
      );
      await client.end();
    });

    await t.step("names a port that is in use", async () => {
      const taken = Deno.listen({ hostname: "127.0.0.1", port: freePort() });
      const other = await Deno.makeTempDir();
      await Deno.chmod(other, 0o755);
      const { port } = taken.addr as Deno.NetAddr;
      await assert.rejects(() => startPostgres({ folder: other, port }), {
        code: "postgres.port_in_use",
        message: RegExp(`${port}`),
      });
      taken.close();
      await Deno.remove(other, { recursive: true });
    });
  } finally {
    await server.stop();
  }
  const credentials = await Deno.readTextFile(join(folder, "credentials.json"));
  await Deno.remove(join(folder, "credentials.json"));
  await assert.rejects(() => startPostgres({ folder, port: 0 }), {
    code: "postgres.credentials_missing",
    message: /credentials\.json/,
  });
  assert.ok(
    (await Deno.stat(join(folder, "data", "PG_VERSION"))).isFile,
    "the rows are gone with the password",
  );
  await Deno.writeTextFile(join(folder, "credentials.json"), credentials);
  await Deno.writeTextFile(join(folder, "data", "PG_VERSION"), "12\n");
  await assert.rejects(() => startPostgres({ folder, port: 0 }), {
    code: "postgres.version_mismatch",
    message: /version 12/,
  });
  await Deno.remove(folder, { recursive: true });
});
