import assert from "node:assert/strict";
import pg from "pg";
import type { OwnedModuleHost } from "./host/host.ts";
import { keepLeases } from "./leases.ts";
import { startPostgres } from "./postgres/server.ts";
import { until } from "./tests/pipeline_process.ts";

Deno.test("leases start what they guard", async (t) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const server = { ...await startPostgres({ folder, port: 0 }), database: "postgres" };
  const client = new pg.Client(server);
  await client.connect();
  const calls: string[] = [];
  /** A module that waits for its servers: its start does not end. */
  const host = {
    module: () => ({}),
    raiseEpoch: (_name: string, epoch: number) => void calls.push(`epoch ${epoch}`),
    start: (name: string) => (calls.push(`start ${name}`), new Promise(() => {})),
    stop: (name: string) => (calls.push(`stop ${name}`), Promise.resolve()),
  } as unknown as OwnedModuleHost;
  const start = () => {
    const leases = keepLeases({
      endpoint: server,
      roles: ["producer"],
      host,
      keepers: {},
      print: () => {},
    });
    leases.start();
    return leases;
  };
  try {
    await t.step("and try again when that failed, instead of holding the lease for nothing", async () => {
      await using leases = start();
      await until(
        "the failure to be told",
        10_000,
        () => /candlewire_fence/.test(leases.waiting()["lease.producer"] ?? "") || undefined,
      );
      // One transaction: between the two a lease would find a fence without an epoch.
      await client.query(`CREATE TABLE candlewire_fence (writer text PRIMARY KEY, epoch bigint NOT NULL);
        INSERT INTO candlewire_fence VALUES ('producer', 5)`);
      await until("the start", 10_000, () => calls.includes("start producer") || undefined);
      assert.deepEqual(leases.waiting(), {});
      // A host before it that does not know yet starts its own anew as 6, 7, …: that must not reach it.
      assert.ok(calls.includes("epoch 1005"), calls.join());
    });

    await t.step("and can be given back, or lost, while a module still waits for its servers", async () => {
      calls.splice(0);
      const leases = start();
      await until("the start", 10_000, () => calls.includes("start producer") || undefined);
      await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'candlewire lease%'",
      );
      await until("the stop", 10_000, () => calls.includes("stop producer") || undefined);
      await until(
        "the start again",
        10_000,
        () => calls.filter((call) => call === "start producer").length === 2 || undefined,
      );
      const started = performance.now();
      await leases[Symbol.asyncDispose]();
      assert.ok(performance.now() - started < 5_000);
    });
  } finally {
    await client.end();
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
