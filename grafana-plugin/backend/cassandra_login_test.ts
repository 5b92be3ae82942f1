import assert from "node:assert/strict";
import { join } from "node:path";
import { connectCassandra } from "../../runtime/cassandra/client_cassandra.ts";
import { migrateCassandra } from "../../runtime/cassandra/migrate_cassandra.ts";
import { cassandraLogin } from "../../runtime/cluster_login.ts";
import { readConfig } from "../../runtime/config.ts";
import { CassandraMarketStore } from "../../runtime/consumer/store/cassandra.ts";
import { KEEP_ALL, TEST_ORIGIN } from "../../runtime/consumer/store/testing/cassandra_keyspace.ts";
import { T0, trade } from "../../runtime/query/testing/query_subject.ts";
import { until } from "../../runtime/tests/pipeline_process.ts";
import { startTestStack } from "../../runtime/tests/start_test_stack.ts";
import { stackIgnore, stackName } from "../../runtime/tests/test_stack.ts";
import { buildAll, GoClient, type StepSettings, valuesOf } from "./testing/go_client.ts";
import { makeKeyStores, STORE_PASSWORD } from "./testing/key_stores.ts";

// A real Cassandra that wants a login and has a certificate, reached by the runtime's configuration and by the built backend.

Deno.test({
  name: stackName(
    "Cassandra by TLS with a login: the runtime writes, the data source reads, refusals are clear",
  ),
  ...stackIgnore,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "candlewire-backend-" });
    try {
      const { keyStore, caFile, otherCaFile } = await makeKeyStores(folder, "ip:127.0.0.1,dns:node.test");
      await using stack = await startTestStack({
        parts: ["cassandra"],
        heapsMb: { cassandra: 512 },
        cassandraYaml: {
          authenticator: "PasswordAuthenticator",
          authorizer: "CassandraAuthorizer",
          client_encryption_options: {
            enabled: true,
            // The probe of the stack's start speaks plainly.
            optional: true,
            keystore: keyStore,
            keystore_password: STORE_PASSWORD,
            store_type: "PKCS12",
          },
        },
      });
      const { contactPoints, port, localDataCenter } = stack.testStack.cassandra;
      const loginOf = ({ password = "cassandra", ...tls }) =>
        cassandraLogin(readConfig({
          cassandra: {
            contactPoints,
            port,
            localDataCenter,
            tls: { caFile, ...tls },
            username: "cassandra",
            password,
            requestTimeoutMs: 60_000,
          },
        }));

      const { login, secrets } = await loginOf({});
      const admin = await until(
        "the first role to be there",
        60_000,
        () => connectCassandra(login, { secrets, useKeyspace: false }),
      );
      const ask = (cql: string) => admin.execute(cql, [], { prepare: false });
      await ask("CREATE ROLE viewer WITH PASSWORD = 'looks only' AND LOGIN = true");
      await migrateCassandra(login, {
        secrets,
        config: { replication: { [localDataCenter]: 1 } },
        origin: TEST_ORIGIN,
      });
      await ask(`GRANT SELECT ON KEYSPACE ${login.keyspace} TO viewer`);
      const { rows } = await ask("SELECT ssl_enabled, username FROM system_views.clients");
      assert.ok(rows.length > 0 && rows.every((row) => row.ssl_enabled && row.username === "cassandra"));
      await admin.shutdown();
      {
        await using store = await CassandraMarketStore.open(login, {
          secrets,
          origin: TEST_ORIGIN,
          writer: "consumer",
          retention: KEEP_ALL,
        });
        const changes = [1, 2, 3].map((id) => trade(id, T0 + id));
        await store.write({ changes, positions: [], deadLetters: [], at: T0 });
      }

      await using client = await GoClient.launch(await buildAll(join(folder, "built")));
      const settingsOf = (
        uid: string,
        jsonData: Record<string, unknown> = {},
        secure: Record<string, string> = {},
      ): StepSettings => ({
        uid,
        updatedMs: 1,
        jsonData: {
          contactPoints: contactPoints.map((host) => `${host}:${port}`).join(","),
          localDataCenter,
          keyspace: login.keyspace,
          useTls: true,
          username: "viewer",
          ...jsonData,
        },
        secure: { tlsCaCert: Deno.readTextFileSync(caFile), password: "looks only", ...secure },
      });
      const health = async (settings: StepSettings) => {
        const { status, message } = await client.step("health", { settings });
        return `${status}: ${message}`;
      };
      for (const settings of [settingsOf("right"), settingsOf("named", { tlsServerName: "node.test" })]) {
        assert.match(await health(settings), /^OK: SIMULATED\. Cassandra: Cassandra 5\./);
        const model = { kind: "trades", symbols: ["BTCUSDT"] };
        const { A } = await client.query(settings, [{ refId: "A", from: T0, to: T0 + 1000, model }]);
        assert.equal(A!.error, "");
        assert.deepEqual(valuesOf(A!.frames[0]!, "trade_id"), [1, 2, 3]);
      }
      const other = Deno.readTextFileSync(otherCaFile);
      const untrusted = /certificate.*\. Check the TLS settings: the authority that signed/;
      for (
        const [settings, text] of [
          [
            settingsOf("password", {}, { password: "wrong" }),
            /username viewer and\/or password are incorrect.*Cassandra refuses user "viewer"/,
          ],
          [settingsOf("nobody", { username: "" }), /requires authentication.*Cassandra wants a login/],
          [settingsOf("authority", {}, { tlsCaCert: other }), untrusted],
          [settingsOf("public", {}, { tlsCaCert: "" }), untrusted],
          [
            settingsOf("name", { tlsServerName: "another.test" }),
            /another\.test. is not in the cert's altnames/,
          ],
        ] as const
      ) {
        const message = await health(settings);
        assert.match(message, /^ERROR: Cassandra: Connect to Cassandra at 127\.0\.0\.1:\d+: /);
        assert.match(message, text);
        assert.ok(!message.includes("looks only"), "I6");
        const model = { kind: "trades", symbols: ["BTCUSDT"] };
        const { A } = await client.query(settings, [{ refId: "A", from: T0, to: T0 + 1000, model }]);
        assert.match(A!.error, /Connect to Cassandra/);
      }
      for (
        const [more, expected] of [
          [{ password: "wrong" }, { code: "cassandra.unauthorized", hint: /cassandra\.password/ }],
          [{ caFile: otherCaFile }, { code: "cassandra.unavailable", hint: /authority that signed/ }],
          [{ serverName: "another.test" }, { code: "cassandra.unavailable", hint: /name that is in them/ }],
        ] as const
      ) {
        const { login, secrets } = await loginOf(more);
        await assert.rejects(connectCassandra(login, { secrets }), expected);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
