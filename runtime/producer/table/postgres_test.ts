import assert from "node:assert/strict";
import { TcpProxy } from "../../tests/tcp_proxy.ts";
import { until } from "../../tests/until.ts";
import { testDatabase } from "../testing/postgres_database.ts";
import { AT, oneOfEach } from "../testing/rows.ts";
import { PostgresTables } from "./postgres.ts";

// The contract that every adapter keeps is in market_table_test.ts.

const DAY_MS = 86_400_000;

Deno.test("a writer whose host vanished within a transaction does not keep its successor out", async () => {
  await using database = await testDatabase({ from: AT, to: AT + DAY_MS });
  const { host, port } = database.login;
  // It has begun and looked at the fence; its first row never arrives, and nobody tells the server that it is gone.
  await using proxy = new TcpProxy({ hostname: host, port }, { holdAt: "INSERT INTO completeness" });
  const vanished = new PostgresTables({
    ...database.login,
    host: "127.0.0.1",
    port: proxy.port,
    epoch: 1,
    idleTransactionMs: 5_000,
  });
  const lost = vanished.write(oneOfEach());
  lost.catch(() => {});
  await until("its transaction to stand still", 30_000, async () => {
    const { rowCount } = await database.owner.query(
      "SELECT 1 FROM pg_stat_activity WHERE application_name = 'candlewire producer' AND state = 'idle in transaction'",
    );
    return rowCount === 1 || undefined;
  });
  await using successor = new PostgresTables({ ...database.login, epoch: 2 });
  await until("the successor to write", 60_000, () => successor.write(oneOfEach()));
  proxy.cut();
  await assert.rejects(lost, { code: "table.unavailable" });
  await vanished[Symbol.asyncDispose]();
});
