import assert from "node:assert/strict";
import pg from "pg";
import { until } from "../tests/pipeline_process.ts";
import { TcpProxy } from "../tests/tcp_proxy.ts";
import { keepLease, type Lease } from "./lease_postgres.ts";
import { type PostgresEndpoint, type PostgresServer, startPostgres } from "./server.ts";

Deno.test("leases in PostgreSQL", async (t) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const server = { ...await startPostgres({ folder, port: 0 }), database: "postgres" };
  try {
    await t.step("one host holds it, the other waits and says for whom", async () => {
      const events: string[] = [];
      await using first = host(server, "host-1", events);
      await until("the first host to hold the lease", 30_000, () => first.held || undefined);
      await using second = host(server, "host-2", events);
      await until("the second host to say whom it waits for", 30_000, () => /host-1/.test(second.detail));
      assert.equal(second.held, false);
      await first[Symbol.asyncDispose]();
      await until("the second host to take over", 30_000, () => second.held || undefined);
      assert.deepEqual(events, ["host-1 holds", "host-2 holds"]);
    });

    await t.step("a lease that falls with its connection is told, then asked for again", async () => {
      const events: string[] = [];
      await using lease = host(server, "host-3", events);
      await until("the lease to be held", 30_000, () => lease.held || undefined);
      await terminate(server, "candlewire lease: host-3");
      await until("the lease to be held again", 30_000, () => events.length >= 3 && lease.held || undefined);
      assert.deepEqual(events.slice(0, 3), ["host-3 holds", "host-3 lost", "host-3 holds"]);
    });

    await t.step("a lease whose server goes silent is lost: another host may hold it by now", async () => {
      const events: string[] = [];
      await using proxy = new TcpProxy({ hostname: server.host, port: server.port });
      const reached = { ...server, host: "127.0.0.1", port: proxy.port };
      await using lease = host(reached, "host-6", events, "producer", () => {}, 1_000);
      await until("the lease to be held", 30_000, () => lease.held || undefined);
      proxy.hold();
      await until("the loss to be told", 30_000, () => events.includes("host-6 lost") || undefined);
      assert.equal(lease.held, false);
      proxy.restore();
      await until("the lease to be held again", 30_000, () => lease.held || undefined);
    });

    await t.step("a lease whose work cannot begin is given back, and asked for again", async () => {
      const events: string[] = [];
      let refuse = true;
      await using lease = host(server, "host-7", events, "producer", () => {
        if (refuse) throw new Error("no room");
      });
      await until("the reason to be told", 30_000, () => /no room/.test(lease.detail) || undefined);
      {
        await using other = host(server, "host-8", events);
        await until("another host to hold it", 30_000, () => other.held || undefined);
      }
      refuse = false;
      await until("the work to begin", 30_000, () => events.at(-1) === "host-7 holds" || undefined);
    });

    await t.step("a host that stops while its work begins gives it back", async () => {
      const events: string[] = [];
      const beginning = Promise.withResolvers<void>();
      const lease = host(server, "host-9", events, "producer", () => beginning.promise);
      await until("the lease to be got", 30_000, () => lease.held || undefined);
      let stopped = false;
      const stopping = lease[Symbol.asyncDispose]().then(() => stopped = true);
      beginning.resolve();
      await until("the lease to end", 30_000, () => stopped || undefined);
      await stopping;
      await using other = host(server, "host-10", events);
      await until("another host to hold it", 30_000, () => other.held || undefined);
    });

    await t.step("leases of other names are others", async () => {
      const events: string[] = [];
      await using one = host(server, "host-4", events, "producer");
      await using other = host(server, "host-5", events, "capture");
      await until("both to be held", 30_000, () => (one.held && other.held) || undefined);
    });
  } finally {
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

function host(
  server: PostgresEndpoint,
  holder: string,
  events: string[],
  name = "producer",
  begin: () => Promise<void> | void = () => {},
  checkMs = 5_000,
): Lease {
  return keepLease(server, name, {
    holder,
    retryMs: 50,
    checkMs,
    onHeld: async () => {
      await begin();
      events.push(`${holder} holds`);
    },
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
