import assert from "node:assert/strict";
import { join } from "node:path";
import { readConfig } from "../config.ts";
import { DEFAULT_PORTS, defaultHeaps, STACK_PARTS, type StackSettings } from "./settings.ts";
import { connectSecretsFile, settleCapturePassword, stackConfig } from "./stack_config.ts";

const settings = (change: Partial<StackSettings> = {}): StackSettings => ({
  parts: [...STACK_PARTS],
  brokers: 1,
  nodes: 1,
  ports: DEFAULT_PORTS,
  heapsMb: defaultHeaps(1, 1),
  quickStart: false,
  ...change,
});
const postgres = { host: "127.0.0.1", port: 5000, database: "d", user: "u", password: "p@ss/word" };
const options = { folder: "/data/stack", postgres, capturePassword: "0123456789abcdef0123" };

Deno.test("the configuration that a stack writes is one that the pipeline reads", () => {
  const config = readConfig(stackConfig(settings({ brokers: 3, nodes: 3 }), options));
  assert.equal(new URL(config.postgres.url!).port, "5000");
  assert.equal(decodeURIComponent(new URL(config.postgres.url!).password), "p@ss/word");
  assert.deepEqual(config.kafka.brokers, ["127.0.0.1:9092", "127.0.0.2:9092", "127.0.0.3:9092"]);
  assert.deepEqual([config.kafka.replicationFactor, config.kafka.minInSyncReplicas], [3, 2]);
  assert.deepEqual(config.cassandra.replication, { datacenter1: 3 });
  assert.deepEqual(config.cassandra.contactPoints, ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
  assert.equal(config.connect.url, "http://127.0.0.1:8083");
  assert.equal(
    config.connect.passwordReference,
    "${file:/data/stack/connect-secrets.properties:capturePassword}",
  );
});

Deno.test("a part that the stack does not have stays out of the configuration", () => {
  const part = stackConfig(settings({ parts: ["cassandra"] }), { ...options, postgres: undefined });
  assert.deepEqual(Object.keys(part), ["cassandra"]);
});

Deno.test("the capture role's password is made once, for this user's eyes, and other keys stay", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const password = await settleCapturePassword(folder);
    const file = connectSecretsFile(folder);
    assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    assert.match(password, /^[\w-]{32}$/);
    await Deno.writeTextFile(file, "mine=1\n", { append: true });
    assert.equal(await settleCapturePassword(folder), password);
    assert.match(await Deno.readTextFile(join(folder, "connect-secrets.properties")), /^mine=1$/m);

    await Deno.writeTextFile(file, "mine=1\n");
    assert.notEqual(await settleCapturePassword(folder), password);
    assert.match(await Deno.readTextFile(file), /^capturePassword=.+\nmine=1\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
