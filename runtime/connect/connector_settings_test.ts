import assert from "node:assert/strict";
import { captureConfig } from "../capture/config.ts";
import { connectConfig } from "./config.ts";
import { connectorSettings, type ConnectorTable } from "./connector_settings.ts";

const TABLES: ConnectorTable[] = [
  { schema: "public", table: "klines", columns: ["symbol", "open_time"] },
  { schema: "public", table: "odd.name", columns: ["id"] },
];

function settings(capture: Record<string, unknown> = {}, connect: Record<string, unknown> = {}) {
  return connectorSettings({
    capture: captureConfig.parse(capture),
    connect: connectConfig.parse(connect),
    postgres: { host: "db", port: 5432, database: "candlewire" },
    tables: TABLES,
  });
}

Deno.test("connectorSettings() says what the configuration says, in Debezium's words", () => {
  const made = settings({ skippedOperations: ["t"], topicPrefix: "other" }, {
    database: { host: "postgres" },
    settings: { "poll.interval.ms": "500", "snapshot.max.threads": "2" },
  });
  const expected = {
    "database.hostname": "postgres",
    "database.port": "5432",
    "topic.prefix": "other",
    "slot.name": "candlewire",
    "table.include.list": "public\\.klines,public\\.odd\\.name",
    "message.key.columns": "public\\.klines:symbol",
    "skipped.operations": "t",
    "poll.interval.ms": "500",
    "snapshot.max.threads": "2",
    "publication.autocreate.mode": "disabled",
    "decimal.handling.mode": "string",
    "tombstones.on.delete": "false",
    "slot.drop.on.stop": "false",
  };
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, made[name]])), expected);
  assert.equal(settings()["skipped.operations"], "none");
  assert.equal(settings({ keyColumns: [] })["message.key.columns"], undefined);
  for (const value of Object.values(made)) assert.equal(typeof value, "string");
});

Deno.test("the password is a reference, whatever is asked for (I6)", () => {
  assert.match(settings()["database.password"]!, /^\$\{file:.+:capturePassword\}$/);
  for (const name of ["database.sslpassword", "producer.override.sasl.jaas.config"]) {
    assert.throws(() => settings({}, { settings: { [name]: "plain" } }), { code: "connect.plain_secret" });
    assert.equal(settings({}, { settings: { [name]: "${file:/x:y}" } })[name], "${file:/x:y}");
  }
});

Deno.test("settings on which the records depend are ours, and the one that is not allowed is named", () => {
  for (
    const [name, value] of [
      ["tombstones.on.delete", "true"],
      ["slot.drop.on.stop", "true"],
      ["value.converter", "io.confluent.connect.avro.AvroConverter"],
      ["value.converter.schemas.enable", "true"],
      ["topic.prefix", "mine"],
      ["database.password", "hunter2"],
      ["errors.tolerance", "all"],
      ["event.processing.failure.handling.mode", "skip"],
      ["table.exclude.list", "public.klines"],
      ["column.exclude.list", "public.klines.volume"],
      ["transforms", "unwrap"],
      ["producer.override.acks", "1"],
      ["producer.override.enable.idempotence", "false"],
      ["producer.override.partitioner.class", "x"],
      ["name", "x"],
    ] as const
  ) {
    assert.throws(() => settings({}, { settings: { [name]: value } }), (error: Error & { code: string }) => {
      assert.equal(error.code, "connect.reserved_setting", name);
      assert.ok(error.message.includes(`"${name}"`), error.message);
      assert.ok(!error.message.includes("hunter2"));
      return true;
    });
  }
});
