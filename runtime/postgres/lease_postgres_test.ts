import assert from "node:assert/strict";
import pg from "pg";
import { until } from "../tests/pipeline_process.ts";
import { keepLease, type Lease } from "./lease_postgres.ts";
import { type PostgresServer, startPostgres } from "./server.ts";

Deno.test("leases in PostgreSQL", async (t) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const server = { ...await startPostgres({ folder, port: 0 }), database: "postgres" };
  try {
    await t.step("one host holds it, the other waits and says for whom", async () => {
      const events: string[] = [];
      await using first = host(server, "host-1", events);
      await until("the first host to hold the lease", 10_000, () => first.held || undefined);
      await using second = host(server, "host-2", events);
      await until("the second host to say whom it waits for", 10_000, () => /host-1/.test(second.detail));
      assert.equal(second.held, false);
      await first[Symbol.asyncDispose]();
      await until("the second host to take over", 10_000, () => second.held || undefined);
      assert.deepEqual(events, ["host-1 holds", "host-2 holds"]);
    });

    await t.step("a lease that falls with its connection is told, then asked for again", async () => {
      const events: string[] = [];
      await using lease = host(server, "host-3", events);
      await until("the lease to be held", 10_000, () => lease.held || undefined);
      await terminate(server, "candlewire lease: host-3");
      await until("the lease to be held again", 10_000, () => events.length === 3 || undefined);
      assert.deepEqual(events, ["host-3 holds", "host-3 lost", "host-3 holds"]);
      assert.equal(lease.held, true);
    });

    await t.step("leases of other names are others", async () => {
      const events: string[] = [];
      await using one = host(server, "host-4", events, "producer");
      await using other = host(server, "host-5", events, "capture");
      await until("both to be held", 10_000, () => (one.held && other.held) || undefined);
    });
  } finally {
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

function host(server: PostgresServer, holder: string, events: string[], name = "producer"): Lease {
  return keepLease(server, name, {
    holder,
    retryMs: 50,
    onHeld: () => void events.push(`${holder} holds`),
    onLost: () => void events.push(`${holder} lost`),
    report: () => {},
  });
}

async function terminate(server: PostgresServer, application: string): Promise<void> {
  const client = new pg.Client(server);
  await client.connect();
  await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", [
    application,
  ]);
  await client.end();
}
