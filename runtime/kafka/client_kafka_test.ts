import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { CandlewireError } from "../error.ts";
import { needStack, stackIgnore, stackName } from "../tests/test_stack.ts";
import { createKafka } from "./client_kafka.ts";
import { isRebalance, kafkaError } from "./error_kafka.ts";
import type { KafkaLogin } from "./login.ts";
import { discoverBrokers } from "./topics_kafka.ts";

const LOGIN: KafkaLogin = {
  brokers: ["127.0.0.1:1"],
  tls: null,
  sasl: null,
  connectTimeoutMs: 500,
  requestTimeoutMs: 1000,
};

const rejection = (work: Promise<unknown>) =>
  work.then(() => assert.fail("It did not reject"), (error) => error as CandlewireError);

/** Runs the probe with the permissions of a module and no others. */
async function probe(brokers: string, granted: string) {
  const root = new URL("../../", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // As runtime/host/spawn.ts starts a module that comes with the program.
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-remote",
      "--cached-only",
      "--deny-import",
      "--no-check",
      "--config",
      `${root}deno.json`,
      "--frozen",
      "--ignore-env",
      `--allow-net=${granted}`,
      `${root}runtime/kafka/testing/kafka_probe.ts`,
      brokers,
    ],
    clearEnv: true,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...cacheOf() },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { out: text(stdout), err: text(stderr) };
}

/** Where Deno's cache is. */
function cacheOf(): Record<string, string> {
  const names = ["DENO_DIR", "HOME", "XDG_CACHE_HOME"];
  return Object.fromEntries(
    names.map((name) => [name, Deno.env.get(name) ?? ""]).filter(([, value]) => value !== ""),
  );
}

Deno.test({
  name: stackName("works with a module's permissions, and writes nothing to stderr"),
  ...stackIgnore,
  async fn() {
    const [broker] = needStack().kafka;
    assert.deepEqual(await probe(broker!, broker!), { out: "read", err: "" });
  },
});

Deno.test("says log.denied for a broker that was not granted", async () => {
  assert.equal((await probe("127.0.0.1:1", "127.0.0.1:2")).out, "log.denied");
});

Deno.test("a broker that does not answer is log.unavailable, and soon", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.resume())).listen(0, "127.0.0.1");
  await once(server, "listening");
  const broker = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const error = await rejection(
      discoverBrokers(createKafka({ ...LOGIN, brokers: [broker] }, { clientId: "t" })),
    );
    assert.deepEqual([error.code, error.retry], ["log.unavailable", "retry"]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }
});

Deno.test({
  name: stackName("hints at kafka.tls where the listener speaks no TLS"),
  ...stackIgnore,
  async fn() {
    const login = {
      ...LOGIN,
      brokers: needStack().kafka,
      tls: { ca: null, certificate: null, serverName: null },
    };
    const error = await rejection(discoverBrokers(createKafka(login, { clientId: "t" })));
    assert.equal(error.code, "log.unavailable");
    assert.match(error.hint!, /kafka\.tls/);
  },
});

Deno.test({
  name: stackName("a password that is refused is log.unauthorized, and is in no line and no error (I6)"),
  ...stackIgnore,
  async fn() {
    const lines: string[] = [];
    const secret = "hush-hush-1";
    for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
      const login = { ...LOGIN, brokers: needStack().kafka, sasl: { mechanism, username: "u" } };
      const kafka = createKafka(login, {
        clientId: "t",
        secrets: { kafkaPassword: secret },
        log: (...line) => lines.push(JSON.stringify(line)),
      });
      const error = await rejection(discoverBrokers(kafka));
      // This listener has no SASL at all.
      assert.ok(["log.unauthorized", "log.unavailable"].includes(error.code), error.code);
      lines.push(error.message, JSON.stringify(error.details), Deno.inspect(error, { depth: 9 }));
    }
    assert.ok(lines.length > 3);
    for (const line of lines) assert.ok(!line.includes(secret), line);
  },
});

Deno.test("errors keep their class through kafkajs' wrapping", () => {
  const protocol = (type: string) => Object.assign(new Error(`Kafka says ${type}`), { type });
  const wrapped = new Error("Number of retries exceeded", { cause: protocol("GROUP_AUTHORIZATION_FAILED") });
  assert.equal(kafkaError("Join", wrapped).code, "log.unauthorized");
  assert.equal(kafkaError("Write", protocol("MESSAGE_TOO_LARGE")).retry, "never");
  assert.equal(kafkaError("Write", protocol("NOT_ENOUGH_REPLICAS")).code, "log.unavailable");
  assert.equal(kafkaError("Write", "text").code, "log.unavailable");
  assert.equal(
    kafkaError("Again", kafkaError("Write", wrapped)).message,
    "Write: Kafka says GROUP_AUTHORIZATION_FAILED",
  );
  assert.ok(isRebalance(new Error("x", { cause: protocol("ILLEGAL_GENERATION") })));
  assert.ok(!isRebalance(wrapped));
});
