import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { TcpProxy } from "../tests/tcp_proxy.ts";
import { until } from "../tests/pipeline_process.ts";
import { seededRandom, testSeed } from "../tests/seed.ts";
import { needStack, stackIgnore, stackName } from "../tests/test_stack.ts";
import { connectCassandra } from "./client_cassandra.ts";

const OUTAGES = 12;

// A rejection that nobody handles, as by two refreshes of the control connection at once, fails the whole file.
Deno.test({
  name: stackName(
    "a client outlives outages of all nodes, cut again while it comes back, and keeps no connection of them",
  ),
  ...stackIgnore,
  fn: async () => {
    const random = seededRandom(testSeed("outages of all nodes"));
    const { cassandra } = needStack();
    await using proxy = new TcpProxy({ hostname: cassandra.contactPoints[0]!, port: cassandra.port });
    const client = await connectCassandra({
      contactPoints: ["127.0.0.1"],
      port: proxy.port,
      localDataCenter: cassandra.localDataCenter,
      keyspace: "system",
      tls: null,
      username: null,
      consistency: { write: "LOCAL_ONE", read: "LOCAL_ONE", tables: {} },
      connectTimeoutMs: 5000,
      requestTimeoutMs: 2000,
    });
    const answers = () => client.execute("SELECT key FROM system.local").then(() => true);
    try {
      for (let outage = 1; outage <= OUTAGES; outage++) {
        proxy.cut();
        await delay(random() * 1500);
        proxy.restore();
        // Else it is cut again somewhere on its way back.
        if (random() < 0.5) await until(`an answer after outage ${outage}`, 60_000, answers);
        else await delay(random() * 800);
      }
      await until("an answer at the end", 60_000, answers);
      // Of its pool, and one that the control connection has opened meanwhile.
      await until(
        "at most 2 connections",
        30_000,
        () => proxy.connections <= 2 || undefined,
        () => `${proxy.connections} are open`,
      );
    } finally {
      await client.shutdown();
    }
    await until("all connections closed", 10_000, () => proxy.connections === 0 || undefined);
    assert.equal(client.getState().getConnectedHosts().length, 0);
  },
});
